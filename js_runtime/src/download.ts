// A file's sources, one after another, in; its blocks, each checked before anything else sees it,
// out.
import { wtwError } from './errors.ts';
import type { Shard } from './manifest.ts';
import type { Arrival } from './persistence.ts';
import { Interruption, type Source } from './platform.ts';

export type Bytes = Uint8Array<ArrayBuffer>;

/** SHA-256 in hexadecimal, of memory that is not shared. */
export type Hash = (bytes: Bytes) => Promise<string>;

/** Where the bytes of a file go; they can be read again, into `bytes`, for the cache. */
export interface Target {
  write(offset: number, block: Bytes): void;
  read(offset: number, bytes: Bytes): void;
}

const NONE = new ArrayBuffer(0);

export class EndedEarly extends Interruption {
  constructor() {
    super('it ended early');
  }
}

export class Download implements Arrival {
  offset = 0;
  /** The farthest byte that has come, checked or not. */
  reached = 0;
  private readonly blockBytes: number;

  /** Blocks are as large as `buffer`. */
  constructor(
    private readonly shard: Shard,
    public buffer: ArrayBuffer,
    private readonly hash: Hash,
    private readonly target: Target,
  ) {
    this.blockBytes = buffer.byteLength;
  }

  /** Goes on with this source where the last one ended; `received` is told of every byte once. */
  async take(source: Source, received: (bytes: number) => void): Promise<void> {
    const { bytes, sha256 } = this.shard;
    if (source.length !== undefined && source.length !== bytes) {
      throw this.corrupt(`it has ${source.length} bytes instead of ${bytes}`);
    }
    for (let at = source.start; at < this.offset;) {
      at += (await this.read(source, 0, this.offset - at)).length;
    }
    while (this.offset < bytes) {
      const block = await this.block(
        source,
        Math.min(this.blockBytes, bytes - this.offset),
        received,
      );
      const i = this.offset / this.blockBytes;
      if ((await this.hash(block)) !== sha256[i]) {
        throw this.corrupt(`block ${i} has another SHA-256`);
      }
      this.target.write(this.offset, block);
      this.offset += block.length;
    }
    // Browsers keep in their own caches what was read to its end.
    const more = await source.read(new Uint8Array(1)).catch(() => undefined);
    if (more) throw this.corrupt(`it is longer than ${bytes} bytes`);
  }

  private async block(
    source: Source,
    length: number,
    received: (bytes: number) => void,
  ): Promise<Bytes> {
    for (let filled = 0; filled < length;) {
      filled += (await this.read(source, filled, length - filled)).length;
      const more = this.offset + filled - this.reached;
      if (more <= 0) continue;
      this.reached += more;
      received(more);
    }
    return new Uint8Array(this.buffer, 0, length);
  }

  // The buffer moves on its way through the source, and goes down with it: a read that was given up
  // may still write there.
  private async read(source: Source, from: number, most: number): Promise<Bytes> {
    const buffer = this.buffer.byteLength > 0 ? this.buffer : new ArrayBuffer(this.blockBytes);
    this.buffer = NONE;
    const length = Math.min(most, this.blockBytes - from);
    const part = await source.read(new Uint8Array(buffer, from, length));
    if (part === undefined) throw new EndedEarly();
    this.buffer = part.buffer;
    return part;
  }

  private corrupt(reason: string) {
    return wtwError('file-corrupt', { path: this.shard.file, reason });
  }
}
