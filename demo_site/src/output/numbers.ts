// A tensor in, plain numbers and their statistics out.
import { toNumbers } from '../../../js_runtime/src/compare.ts';
import type { TensorOutput } from '../../../js_runtime/src/types.ts';

/** An output as the views take it; of complex64, real and imaginary parts in turn. */
export interface Numbers {
  readonly values: Float64Array;
  readonly shape: readonly number[];
  readonly dtype: string;
}

export interface Statistics {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly deviation: number;
  /** Of NaNs and infinities, which the others leave out. */
  readonly odd: number;
}

export function numbersOf({ data, shape, dtype }: TensorOutput): Numbers {
  const values = toNumbers(dtype, data.buffer as ArrayBuffer);
  return { values, shape: dtype === 'complex64' ? [...shape, 2] : shape, dtype };
}

export function statistics(values: Float64Array): Statistics {
  const finite = { min: Infinity, max: -Infinity, sum: 0, count: 0 };
  for (const x of values) {
    if (!Number.isFinite(x)) continue;
    finite.min = Math.min(finite.min, x);
    finite.max = Math.max(finite.max, x);
    finite.sum += x;
    ++finite.count;
  }
  const { min, max, sum, count } = finite;
  const mean = sum / count;
  let squares = 0;
  for (const x of values) if (Number.isFinite(x)) squares += (x - mean) ** 2;
  return { min, max, mean, deviation: Math.sqrt(squares / count), odd: values.length - count };
}

export function softmax(values: Float64Array): Float64Array {
  const top = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = values.map((x) => Math.exp(x - top));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((x) => x / sum);
}

/** Whether they are shares of a whole already. */
export function sumsToOne(values: Float64Array): boolean {
  const sum = values.reduce((a, b) => a + b, 0);
  return values.every((x) => x >= 0) && Math.abs(sum - 1) < 1e-3;
}
