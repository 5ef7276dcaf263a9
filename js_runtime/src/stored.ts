// What the shards hold in, what the weight segment is in memory out: the same, but for weights that
// are stored as float16 (docs/format.md).
import type { Target } from './download.ts';
import type { Instance } from './instance.ts';
import type { Manifest } from './manifest.ts';

/** Bytes in memory, of which a weight that is stored as float16 takes whole ones. */
export const UNIT = 128;

/** A part of the segment: where it begins in all shards and in memory, its bytes in the shards. */
export interface Piece {
  readonly stored: number;
  readonly place: number;
  readonly bytes: number;
  readonly half: boolean;
}

/** The segment in its order; `bytes` is negative where weights overlap or lie beyond it. */
export function piecesOf({ tensors, bytes }: Manifest['weights']): Piece[] {
  const pieces: Piece[] = [];
  let [stored, place] = [0, 0];
  const until = (end: number, half: boolean) => {
    if (end === place) return;
    const size = half ? (end - place) / 2 : end - place;
    pieces.push({ stored, place, bytes: size, half });
    [stored, place] = [stored + size, end];
  };
  for (const tensor of tensors) {
    if (tensor.storage === undefined) continue;
    until(tensor.offset, false);
    until(tensor.offset + Math.ceil(tensor.bytes / UNIT) * UNIT, true);
  }
  until(bytes, false);
  return pieces;
}

/** What is downloaded. */
export function storedBytes({ shards }: Manifest['weights']): number {
  return shards.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Shards in, the weight segment at an address out; and back, for the cache. */
export function segmentAt(
  instance: Instance,
  address: number,
  weights: Manifest['weights'],
): Target {
  const pieces = piecesOf(weights);
  /** The parts of `length` bytes of the shards: from where to where of these, and their place. */
  function* within(offset: number, length: number) {
    for (const { stored, place, bytes, half } of pieces) {
      const first = Math.max(offset, stored);
      const end = Math.min(offset + length, stored + bytes);
      if (first >= end) continue;
      const into = (first - stored) * (half ? 2 : 1);
      yield { from: first - offset, to: end - offset, at: address + place + into, half };
    }
  }
  return {
    write(offset, block) {
      for (const { from, to, at, half } of within(offset, block.length)) {
        const part = block.subarray(from, to);
        if (half) instance.widen(at, part);
        else instance.bytes(at, part.length).set(part);
      }
    },
    read(offset, block) {
      for (const { from, to, at, half } of within(offset, block.length)) {
        if (half) instance.narrow(at, block.subarray(from, to));
        else block.set(instance.bytes(at, to - from), from);
      }
    },
  };
}
