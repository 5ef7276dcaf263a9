// Places, sizes and hashes in, bytes that were checked against them out; weights straight into
// the heap, a few files at a time, so that the peak is about one copy.
import { compileError } from './browser.ts';
import type { PackageCache } from './cache.ts';
import { contentSource } from './contents.ts';
import { type Bytes, Download, EndedEarly, type Hash, type Target } from './download.ts';
import { aborted, wtwError } from './errors.ts';
import type { Manifest, Shard } from './manifest.ts';
import { PATIENCE, type Patience, persistently, within } from './persistence.ts';
import { Interruption, type Platform, type Source } from './platform.ts';
import type { Addresses, Place } from './protocol.ts';
import { has } from './schema.ts';

const PARALLEL = 3;
const PART_BYTES = 1 << 16;

export class Fetcher {
  /** Told of every byte of a file with known size once. */
  received: (bytes: number, fromCache: boolean) => void = () => {};
  /** Where files may be from an earlier visit. */
  cache: PackageCache | undefined;
  private answered = false;

  constructor(
    private readonly platform: Platform,
    private readonly addresses: Addresses,
    private readonly signal: AbortSignal,
    private readonly patience: Patience = PATIENCE,
  ) {}

  /** For messages. */
  name(file: string): string {
    const { at } = this.place(file);
    return typeof at === 'string' ? at : file;
  }

  /** A compiled variant; `hash` is left out where there is none yet. */
  module(file: string, hash: Hash | undefined): Promise<WebAssembly.Module> {
    return this.whole(file, async (bytes, { module }) => {
      if (hash) await this.check(file, bytes, hash);
      return (module ?? WebAssembly.compile(bytes)).catch((error: unknown) => {
        throw compileError(this.name(file), error);
      });
    });
  }

  /** What `parse` makes of a file, of which it is for it to say whether it is what should have come;
   * of a longer one than `most` it gets little more than that. */
  parsed<T>(file: string, most: number, hash: Hash, parse: (bytes: Bytes) => T): Promise<T> {
    const use = async (bytes: Bytes) => {
      const result = parse(bytes);
      await this.check(file, bytes, hash);
      return result;
    };
    return this.whole(file, use, most);
  }

  /** A small file with one hash. */
  async file(entry: { file: string; bytes: number; sha256: string }, hash: Hash): Promise<Bytes> {
    let bytes: Bytes = new Uint8Array(0);
    await this.blocks({ ...entry, sha256: [entry.sha256] }, new ArrayBuffer(entry.bytes), hash, {
      write: (_, block) => (bytes = block),
      read: (offset, part) => part.set(bytes.subarray(offset, offset + part.length)),
    });
    return bytes;
  }

  /** All weights. */
  async weights(
    { shards, blockBytes }: Manifest['weights'],
    hash: Hash,
    target: Target,
  ): Promise<void> {
    const jobs = withOffsets(shards).values();
    // One buffer each for all its files: garbage would pile up until it is collected.
    const worker = async () => {
      let buffer = new ArrayBuffer(blockBytes);
      for (const [shard, start] of jobs) {
        buffer = await this.blocks(shard, buffer, hash, {
          write: (offset, block) => target.write(start + offset, block),
          read: (offset, bytes) => target.read(start + offset, bytes),
        });
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, worker));
  }

  // Of the cache first; what it lacks, over the network. Gives a buffer of the same size back.
  private async blocks(shard: Shard, buffer: ArrayBuffer, hash: Hash, target: Target) {
    const download = new Download(shard, buffer, hash, target);
    const cache = this.name(shard.file).startsWith('http') ? this.cache : undefined;
    if (!(cache && (await this.fromCache(cache, shard, download)))) {
      await this.fetched(shard.file, download, (source) =>
        download.take(source, (bytes) => this.received(bytes, false)),
      );
      cache?.keep(shard, target.read);
    }
    return download.buffer;
  }

  // A damaged entry will be replaced; its good beginning need not come again.
  private async fromCache(cache: PackageCache, shard: Shard, download: Download): Promise<boolean> {
    try {
      const source = await cache.open(shard);
      if (!source) return false;
      const take = (guarded: Source) => download.take(guarded, (n) => this.received(n, true));
      await this.reading(source, take);
      return true;
    } catch (error) {
      if (this.signal.aborted) throw aborted(this.signal);
      const late = error instanceof Interruption && !(error instanceof EndedEarly);
      if (late) this.cache = undefined; // it is not waited for again
      return false;
    }
  }

  private whole<T>(
    file: string,
    use: (bytes: Bytes, source: Source) => Promise<T>,
    most = Infinity,
  ): Promise<T> {
    const nothing = { offset: 0, reached: 0 };
    return this.fetched(file, nothing, async (source) => use(await all(source, most), source));
  }

  private async check(file: string, bytes: Bytes, hash: Hash): Promise<void> {
    const { sha256 } = this.place(file);
    if (sha256 === undefined || (await hash(bytes)) === sha256) return;
    throw wtwError('file-corrupt', { path: this.name(file), reason: 'it has another SHA-256' });
  }

  private async fetched<T>(
    file: string,
    arrival: Pick<Download, 'offset' | 'reached'>,
    work: (source: Source) => Promise<T>,
  ): Promise<T> {
    const { pauses } = this.patience;
    // An address that has never answered is wrong, more likely than interrupted.
    const pauseAfter = (failures: number) =>
      this.answered || failures === 1 ? pauses[failures - 1] : undefined;
    const attempt = (reload: boolean) =>
      this.attempt(file, reload ? 0 : arrival.offset, reload, work);
    try {
      return await persistently(pauseAfter, this.signal, arrival, attempt);
    } catch (error) {
      if (!(error instanceof Interruption)) throw error;
      const fields = { url: this.name(file), byte: arrival.reached, reason: error.message };
      throw wtwError(arrival.reached > 0 ? 'download-broken' : 'fetch-failed', fields, {
        cause: error,
      });
    }
  }

  private async attempt<T>(
    file: string,
    from: number,
    reload: boolean,
    work: (source: Source) => Promise<T>,
  ): Promise<T> {
    const { at } = this.place(file);
    if (typeof at !== 'string') return this.reading(contentSource(file, at, from), work);
    const ending = new AbortController();
    const end = () => ending.abort(this.signal.reason);
    this.signal.addEventListener('abort', end);
    try {
      if (this.signal.aborted) throw aborted(this.signal);
      const opening = { signal: ending.signal, from, reload };
      const source = await within(this.patience.stall, this.platform.open(new URL(at), opening));
      this.answered = true;
      return await this.reading(source, work);
    } finally {
      this.signal.removeEventListener('abort', end);
      end(); // else a connection that hangs would stay
    }
  }

  private async reading<T>(source: Source, work: (source: Source) => Promise<T>): Promise<T> {
    const read: Source['read'] = async (bytes) => {
      if (this.signal.aborted) throw aborted(this.signal);
      return within(this.patience.stall, source.read(bytes));
    };
    try {
      return await work({ ...source, read });
    } finally {
      source.cancel().catch(() => {}); // a stream that broke cannot be cancelled
    }
  }

  private place(file: string): Place {
    const place = has(this.addresses, file) ? this.addresses[file] : undefined;
    if (place === undefined) throw wtwError('file-missing', { path: file });
    return place;
  }
}

// Stops behind `most` bytes.
async function all(source: Source, most: number): Promise<Bytes> {
  const parts: Bytes[] = [];
  let length = 0;
  for (let part; length <= most && (part = await source.read(new Uint8Array(PART_BYTES)));) {
    parts.push(part);
    length += part.length;
  }
  if (source.length !== undefined && length < Math.min(source.length, most)) {
    throw new EndedEarly();
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

function withOffsets(shards: readonly Shard[]): (readonly [Shard, number])[] {
  let offset = 0;
  return shards.map((shard) => {
    const start = offset;
    offset += shard.bytes;
    return [shard, start] as const;
  });
}
