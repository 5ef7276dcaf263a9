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
  const finite = values.filter(Number.isFinite);
  const mean = finite.reduce((sum, x) => sum + x, 0) / finite.length;
  const variance = finite.reduce((sum, x) => sum + (x - mean) ** 2, 0) / finite.length;
  return {
    min: finite.reduce((a, b) => Math.min(a, b), Infinity),
    max: finite.reduce((a, b) => Math.max(a, b), -Infinity),
    mean,
    deviation: Math.sqrt(variance),
    odd: values.length - finite.length,
  };
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
