// Files by the SHA-256 of their content, kept in the browser for the next visit. Whatever the
// browser refuses (no storage, none left) is as if nothing had been kept.
import { hexadecimal } from './instance.ts';
import type { Manifest, Shard } from './manifest.ts';
import { within } from './persistence.ts';
import type { Source } from './platform.ts';
import { streamReading } from './streams.ts';

const NAME = 'wasm-torch-web';
const PART_BYTES = 1 << 19;
/** A cache that does not answer by then is no help. */
export const PROMPT_MS = 5000;

type Bytes = Uint8Array<ArrayBuffer>;
type Read = (offset: number, bytes: Bytes) => void;

/** One cache for all packages of an origin. */
export function openCache(storage: () => CacheStorage | undefined): Promise<Cache | undefined> {
  const opening = Promise.resolve().then(() => storage()?.open(NAME));
  return within(PROMPT_MS, opening).catch(() => undefined);
}

export class PackageCache {
  private readonly addresses: ReadonlySet<string>;
  private writing: Promise<void> | undefined;
  private readonly part = new Uint8Array(PART_BYTES);

  private constructor(
    private readonly cache: Cache,
    private readonly folder: string,
    keys: readonly string[],
  ) {
    this.addresses = new Set(keys.map((key) => this.address(key)));
  }

  /** What the cache has of the package; undefined without a cache. */
  static async of(
    opening: Promise<Cache | undefined>,
    manifest: Manifest,
  ): Promise<PackageCache | undefined> {
    const cache = await opening;
    if (cache === undefined) return undefined;
    const { name, plan, golden, weights } = manifest;
    const keys = await Promise.all(weights.shards.map(keyOf));
    const files = golden ? [plan.sha256, golden.sha256] : [plan.sha256];
    // Nobody is ever asked for this address.
    const folder = `https://${NAME}.invalid/${encodeURIComponent(name)}/`;
    return new PackageCache(cache, folder, [...files, ...keys]);
  }

  async open(file: Shard): Promise<Source | undefined> {
    const address = this.address(await keyOf(file));
    const response = await within(PROMPT_MS, this.cache.match(address));
    if (!response?.body) return undefined;
    const length = Number(response.headers.get('content-length'));
    return { start: 0, length, ...streamReading(response.body) };
  }

  /** Stores a whole file that was checked, `read` part by part, after those before it; once one
   * could not be stored, no more are. */
  keep(file: Shard, read: Read): void {
    this.writing = (this.writing ?? this.evict()).then(() => this.put(file, read));
    this.writing.catch(() => {});
  }

  /** Other versions of the package make room. */
  private async evict(): Promise<void> {
    for (const { url } of await this.cache.keys()) {
      if (url.startsWith(this.folder) && !this.addresses.has(url)) await this.cache.delete(url);
    }
  }

  private async put(file: Shard, read: Read): Promise<void> {
    const address = this.address(await keyOf(file));
    const headers = { 'content-length': String(file.bytes) };
    const put = (body: BodyInit) => this.cache.put(address, new Response(body, { headers }));
    // Where pages were closed while they stored it, WebKit drops what is put in its place.
    await this.cache.delete(address);
    try {
      await put(streamOf(file.bytes, read, this.part));
    } catch (error) {
      // WebKit stores no streams.
      if ((error as Error).name !== 'NotSupportedError') throw error;
      const bytes = new Uint8Array(file.bytes);
      read(0, bytes);
      await put(bytes);
    }
  }

  private address(key: string): string {
    return this.folder + key;
  }
}

/** The SHA-256 of a small file, or of the hashes of a shard's blocks. */
async function keyOf({ sha256: [first = '', ...rest] }: Pick<Shard, 'sha256'>): Promise<string> {
  if (rest.length === 0) return first;
  const hashes = new TextEncoder().encode([first, ...rest].join());
  return hexadecimal(new Uint8Array(await crypto.subtle.digest('SHA-256', hashes)));
}

// All parts of all files lie in one buffer, since garbage would pile up until it is collected:
// whoever stores a stream has a copy of each part before it asks for the next.
function streamOf(bytes: number, read: Read, buffer: Bytes): ReadableStream<Bytes> {
  let offset = 0;
  return new ReadableStream<Bytes>(
    {
      pull(controller) {
        const part = buffer.subarray(0, bytes - offset);
        read(offset, part);
        controller.enqueue(part);
        offset += part.length;
        if (offset === bytes) controller.close();
      },
    },
    { highWaterMark: 0 },
  );
}
