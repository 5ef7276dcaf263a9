// Weights in shards with their hashes, a heap that they arrive in, and fetchers for tests.
import { createHash } from 'node:crypto';
import type { Target } from '../../js_runtime/src/download.ts';
import { Fetcher } from '../../js_runtime/src/fetching.ts';
import { hexadecimal } from '../../js_runtime/src/instance.ts';
import { node } from '../../js_runtime/src/node.ts';
import type { Patience } from '../../js_runtime/src/persistence.ts';
import type { Platform } from '../../js_runtime/src/platform.ts';
import type { Addresses } from '../../js_runtime/src/protocol.ts';

export const BLOCK = 65536;
export const weights = Uint8Array.from(
  { length: 5 * BLOCK + 100 },
  (_, i) => (i * 7 + (i >> 8)) % 251,
);
export const shards = [weights.subarray(0, 2 * BLOCK), weights.subarray(2 * BLOCK)] as const;

export const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
export const hash = async (bytes: Uint8Array<ArrayBuffer>) =>
  hexadecimal(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)));

/** The row of the manifest for a shard that holds these bytes. */
export function rowOf(file: string, bytes: Uint8Array) {
  const blocks = Array.from({ length: Math.ceil(bytes.length / BLOCK) }, (_, i) =>
    sha(bytes.subarray(i * BLOCK, (i + 1) * BLOCK)),
  );
  return { file, bytes: bytes.length, sha256: blocks };
}

export const rows = [
  rowOf('weights-00.bin', shards[0]),
  rowOf('weights-01.bin', shards[1]),
] as const;

export function tableOf(...shards: ReturnType<typeof rowOf>[]) {
  const bytes = shards.reduce((sum, shard) => sum + shard.bytes, 0);
  return { bytes, blockBytes: BLOCK, shards, tensors: [], prepared: { bytes: 0, tensors: [] } };
}
export const table = tableOf(...rows);

export class Heap implements Target {
  readonly bytes: Uint8Array;
  /** Where blocks were written, in their order. */
  readonly written: number[] = [];

  constructor(length = weights.length) {
    this.bytes = new Uint8Array(length);
  }

  write(offset: number, block: Uint8Array): void {
    this.bytes.set(block, offset);
    this.written.push(offset);
  }

  read(offset: number, bytes: Uint8Array): void {
    bytes.set(this.bytes.subarray(offset, offset + bytes.length));
  }
}

/** No machine is so busy that a connection counts as broken; the tries follow each other soon. */
export const PATIENT: Patience = { stall: 60_000, pauses: [1, 5, 10] };

interface FetcherOptions {
  readonly signal?: AbortSignal | undefined;
  readonly patience?: Patience;
  readonly platform?: Platform;
}

export function fetcherOf(
  addresses: Addresses,
  {
    signal = new AbortController().signal,
    patience = PATIENT,
    platform = node,
  }: FetcherOptions = {},
): Fetcher {
  return new Fetcher(platform, addresses, signal, patience);
}
