// Golden data (docs/format.md): the inputs of a case, and how far outputs are from those stored.
import {
  compare,
  INCOMPARABLE,
  type OutputError,
  toleranceOf,
  toNumbers,
  worse,
} from './compare.ts';
import { dtypeRow, numelOf } from './dtypes.ts';
import type { GoldenCase, InputPort, OutputPort } from './manifest.ts';
import type { WireInput, WireOutput, WireTensor } from './protocol.ts';
import { randomElements } from './random.ts';
import { numberOf } from './tensors.ts';

type GoldenInput = GoldenCase['inputs'][string];
type GoldenOutput = GoldenCase['outputs'][string];
type GoldenTensor = Extract<GoldenOutput, { offset: number }>;

export function goldenInput(port: InputPort, entry: GoldenInput, data: ArrayBuffer): WireInput {
  if ('value' in entry) {
    const value = numberOf(entry.value);
    return port.kind === 'float' ? { real: Number(value) } : { integer: BigInt(value) };
  }
  const { shape, dtype } = entry;
  const buffer =
    'random' in entry
      ? randomElements(dtype, numelOf(shape) * dtypeRow(dtype).parts, entry.random)
      : storedBytes(entry, data);
  return { bytes: new Uint8Array(buffer), shape };
}

export function goldenError(
  port: OutputPort,
  entry: GoldenOutput,
  data: ArrayBuffer,
  given: WireOutput,
): OutputError {
  if ('value' in entry) {
    const tolerance = port.kind === 'float' ? toleranceOf('float64') : 0;
    if (typeof given === 'object') return INCOMPARABLE;
    return compare([Number(numberOf(entry.value))], [Number(given)], tolerance);
  }
  const comparable =
    typeof given === 'object' &&
    given.dtype === entry.dtype &&
    given.shape.join() === entry.shape.join();
  return comparable ? tensorError(entry, data, given) : INCOMPARABLE;
}

// Against the stored elements, and the maximum and mean over all.
function tensorError(entry: GoldenTensor, data: ArrayBuffer, given: WireTensor): OutputError {
  const { dtype } = entry;
  const tolerance = entry.tolerance ?? toleranceOf(dtype);
  const expected = toNumbers(dtype, storedBytes(entry, data));
  const all = toNumbers(dtype, given.buffer);
  const elements = compare(
    expected,
    every(all, entry.every ?? 1, dtypeRow(dtype).parts),
    tolerance,
  );
  const { max, mean } = summary(all);
  const scale = expected.reduce(
    (most, x) => (Number.isFinite(x) ? Math.max(most, Math.abs(x)) : most),
    1,
  );
  const near = (a: number | null, b: number | null, within: number) =>
    a === b || (a !== null && b !== null && Math.abs(a - b) <= within * scale);
  const whole = near(entry.max, max, tolerance) && near(entry.mean, mean, tolerance || 1e-9);
  return worse(elements, { maxAbsError: 0, maxRelError: 0, passed: whole });
}

function every(numbers: Float64Array, step: number, parts: number): ArrayLike<number> {
  return step === 1 ? numbers : numbers.filter((_, i) => Math.floor(i / parts) % step === 0);
}

/** Over the finite ones. */
function summary(numbers: Float64Array): { max: number | null; mean: number | null } {
  const finite = numbers.filter(Number.isFinite);
  if (finite.length === 0) return { max: null, mean: null };
  const sum = finite.reduce((total, x) => total + x, 0);
  return { max: finite.reduce((a, b) => Math.max(a, b)), mean: sum / finite.length };
}

function storedBytes(entry: { offset: number; bytes: number }, data: ArrayBuffer): ArrayBuffer {
  return data.slice(entry.offset, entry.offset + entry.bytes);
}
