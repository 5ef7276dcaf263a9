// Seed, bounds and dtype in, elements out: the counter-based generator of docs/format.md.
import { dtypeRow } from './dtypes.ts';
import { toBfloat16, toFloat16 } from './numbers.ts';
import type { DType } from './types.ts';

export interface Random {
  readonly seed: number;
  readonly low: number;
  readonly high: number;
}

/** `count` elements; real and imaginary parts count each. */
export function randomElements(dtype: DType, count: number, random: Random): ArrayBuffer {
  const { array, part } = dtypeRow(dtype);
  const buffer = new ArrayBuffer(count * array.BYTES_PER_ELEMENT);
  const elements = new array(buffer) as unknown as (number | bigint)[];
  const make = MAKE[part] ?? integer;
  for (let i = 0; i < count; ++i) elements[i] = make(hash(i, random.seed), random);
  return buffer;
}

function hash(i: number, seed: number): number {
  let x = Math.imul(i, 0x9e3779b9) + seed;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}

type Make = (hash: number, random: Random) => number | bigint;

const integer = (h: number, { low, high }: Random) => low + (h % (high - low + 1));
const real = (h: number, { low, high }: Random) =>
  Math.fround(low + ((high - low) * (h >>> 8)) / 2 ** 24);

const MAKE: Partial<Record<DType, Make>> = {
  float32: real,
  float64: real,
  float16: (h, random) => toFloat16(real(h, random)),
  bfloat16: (h, random) => toBfloat16(real(h, random)),
  int64: (h, random) => BigInt(integer(h, random)),
  bool: (h) => h & 1,
};
