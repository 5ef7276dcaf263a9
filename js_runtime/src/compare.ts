// An expected output and the one that the model gave in, how far they are apart out: the same
// rules as wasm_torch_web/verify/compare.py.
import { dtypeRow } from './dtypes.ts';
import { fromBfloat16, fromFloat16 } from './numbers.ts';
import type { DType } from './types.ts';

export interface OutputError {
  readonly maxAbsError: number;
  /** Relative to the largest magnitude of what was expected, at least 1. */
  readonly maxRelError: number;
  readonly passed: boolean;
}

const TOLERANCE = 1e-4;
// Half-precision results are rounded at the end: they may differ by two steps.
const TOLERANCES: Partial<Record<DType, number>> = {
  float32: TOLERANCE,
  float64: TOLERANCE,
  float16: 2 ** -9,
  bfloat16: 2 ** -6,
};

/** What cannot even be compared: another shape or dtype. */
export const INCOMPARABLE: OutputError = {
  maxAbsError: Infinity,
  maxRelError: Infinity,
  passed: false,
};

/** Of floats; everything else must be equal (tolerance 0). */
export function toleranceOf(dtype: DType): number {
  return TOLERANCES[dtypeRow(dtype).part] ?? 0;
}

/** The elements as numbers (int64 beyond 2^53 rounded); complex ones are two each. */
export function toNumbers(dtype: DType, buffer: ArrayBuffer): Float64Array {
  const elements = new (dtypeRow(dtype).array)(buffer) as unknown as number[];
  const { part } = dtypeRow(dtype);
  if (part === 'float16') return Float64Array.from(elements, fromFloat16);
  if (part === 'bfloat16') return Float64Array.from(elements, fromBfloat16);
  return Float64Array.from(elements, Number);
}

/** NaNs and infinities must be in the same places. */
export function compare(
  expected: ArrayLike<number>,
  given: ArrayLike<number>,
  tolerance: number,
): OutputError {
  let error = 0;
  let scale = 1;
  for (let i = 0; i < expected.length; ++i) {
    const a = expected[i] as number;
    error = Math.max(error, distance(a, given[i] as number));
    if (Number.isFinite(a)) scale = Math.max(scale, Math.abs(a));
  }
  return {
    maxAbsError: error,
    maxRelError: error / scale,
    passed: given.length === expected.length && error <= tolerance * scale,
  };
}

function distance(a: number, b: number): number {
  if (Object.is(a, b) || a === b) return 0;
  const difference = Math.abs(a - b);
  return Number.isNaN(difference) ? Infinity : difference;
}

export function worse(a: OutputError, b: OutputError): OutputError {
  return {
    maxAbsError: Math.max(a.maxAbsError, b.maxAbsError),
    maxRelError: Math.max(a.maxRelError, b.maxRelError),
    passed: a.passed && b.passed,
  };
}
