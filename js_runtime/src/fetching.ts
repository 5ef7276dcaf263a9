// Addresses, sizes and hashes in, bytes that were checked against them out; weights straight into
// the heap, a few files at a time, so that the peak is about one copy.
import { wtwError } from './errors.ts';
import type { Manifest, Shard } from './manifest.ts';
import type { Platform, Source } from './platform.ts';
import type { Addresses } from './protocol.ts';
import type { Progress } from './types.ts';

const PARALLEL = 3;
const TEXT_BLOCK = 1 << 16;

/** SHA-256 in hexadecimal, of memory that is not shared. */
export type Hash = (bytes: Uint8Array<ArrayBuffer>) => Promise<string>;

export class Fetcher {
  constructor(
    private readonly platform: Platform,
    private readonly addresses: Addresses,
    private readonly signal: AbortSignal,
    /** Told of every part that has come. */
    public received: (bytes: number) => void = () => {},
  ) {}

  url(file: string): URL {
    const address = this.addresses[file];
    if (address === undefined) throw wtwError('file-missing', { path: file });
    return new URL(address);
  }

  async text(file: string): Promise<string> {
    const decoder = new TextDecoder();
    let text = '';
    await this.reading(file, async (source) => {
      for (let part; (part = await source.read(new Uint8Array(TEXT_BLOCK)));) {
        text += decoder.decode(part, { stream: true });
      }
    });
    return text + decoder.decode();
  }

  /** A small file, whole. */
  async file(entry: { file: string; bytes: number; sha256: string }, hash: Hash) {
    const blocks: Uint8Array<ArrayBuffer>[] = [];
    const shard: Shard = { file: entry.file, bytes: entry.bytes, sha256: [entry.sha256] };
    const buffer = new ArrayBuffer(entry.bytes);
    await this.blocks(shard, buffer, hash, (_, block) => void blocks.push(block));
    return blocks[0] as Uint8Array<ArrayBuffer>;
  }

  /** All weights; `store` copies a block to its offset. */
  async weights(
    { shards, blockBytes }: Manifest['weights'],
    hash: Hash,
    store: (offset: number, block: Uint8Array) => void,
  ): Promise<void> {
    const jobs = withOffsets(shards).values();
    // One buffer each for all its files: garbage would pile up until it is collected.
    const worker = async () => {
      let buffer = new ArrayBuffer(blockBytes);
      for (const [shard, start] of jobs) {
        const storeAt = (offset: number, block: Uint8Array) => store(start + offset, block);
        buffer = await this.blocks(shard, buffer, hash, storeAt);
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, worker));
  }

  // Every block, as large as `buffer`, is checked before `store` sees it; gives the buffer back.
  private async blocks(
    { file, bytes, sha256 }: Shard,
    buffer: ArrayBuffer,
    hash: Hash,
    store: (offset: number, block: Uint8Array<ArrayBuffer>) => void,
  ): Promise<ArrayBuffer> {
    const blockBytes = buffer.byteLength;
    const corrupt = (reason: string) => wtwError('file-corrupt', { path: file, reason });
    return this.reading(file, async (source) => {
      for (const [i, expected] of sha256.entries()) {
        const offset = i * blockBytes;
        const length = Math.min(blockBytes, bytes - offset);
        const block = await this.fill(source, buffer, length);
        if (block === undefined) throw corrupt(`it ends before byte ${offset + length}`);
        if ((await hash(block)) !== expected) throw corrupt(`block ${i} has another SHA-256`);
        if (this.signal.aborted) throw wtwError('aborted', {}, { cause: this.signal.reason });
        store(offset, block);
        buffer = block.buffer;
      }
      if (await source.read(new Uint8Array(1))) throw corrupt(`it is longer than ${bytes} bytes`);
      return buffer;
    });
  }

  private async reading<T>(file: string, work: (source: Source) => Promise<T>): Promise<T> {
    const source = await this.platform.open(this.url(file), this.signal);
    try {
      return await work(source);
    } finally {
      source.cancel().catch(() => {}); // a stream that broke cannot be cancelled
    }
  }

  // The buffer moves on its way through the stream: views of it do not outlive a read.
  private async fill(source: Source, buffer: ArrayBuffer, length: number) {
    let filled = 0;
    while (filled < length) {
      const part = await source.read(new Uint8Array(buffer, filled, length - filled));
      if (part === undefined) return undefined;
      this.received(part.length);
      filled += part.length;
      buffer = part.buffer;
    }
    return new Uint8Array(buffer, 0, length);
  }
}

function withOffsets(shards: readonly Shard[]): (readonly [Shard, number])[] {
  let offset = 0;
  return shards.map((shard) => {
    const start = offset;
    offset += shard.bytes;
    return [shard, start] as const;
  });
}

const REPORT_MS = 50;

/** Counts bytes and reports them, not too often, and always the last. */
export class Meter {
  private readonly start = performance.now();
  private reported = -Infinity;
  private loaded = 0;

  constructor(
    private readonly total: number,
    private readonly report: (progress: Progress) => void,
  ) {}

  add(bytes: number): void {
    this.loaded += bytes;
    const now = performance.now();
    if (now - this.reported < REPORT_MS && this.loaded < this.total) return;
    this.reported = now;
    this.report({ loaded: this.loaded, total: this.total });
  }

  /** Milliseconds until all is there, at the pace so far. */
  rest(): number {
    const elapsed = performance.now() - this.start;
    return this.loaded === 0 ? Infinity : (elapsed * (this.total - this.loaded)) / this.loaded;
  }
}
