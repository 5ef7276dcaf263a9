// The element types: their numbers in plan.bin, sizes, and what JavaScript holds them in.
import type { DataOf, DType, Unshared } from './types.ts';

type Constructor<A extends { slice(): unknown }> = {
  new (buffer: ArrayBuffer): Unshared<A>;
  readonly BYTES_PER_ELEMENT: number;
  readonly name: string;
};

export interface DTypeRow<D extends DType = DType> {
  readonly dtype: D;
  readonly bytes: number;
  readonly array: Constructor<DataOf[D]>;
  /** Elements of `array` for one of the tensor: 2 of a complex number. */
  readonly parts: number;
  /** What the parts are. */
  readonly part: DType;
}

const row = <D extends DType>(
  dtype: D,
  bytes: number,
  array: Constructor<DataOf[D]>,
  part: DType = dtype,
) => ({ dtype, bytes, array, part, parts: part === dtype ? 1 : 2 }) as DTypeRow;

/** In the order of csrc/core/dtype.h: the index is the number. */
const ROWS: readonly DTypeRow[] = [
  row('float32', 4, Float32Array),
  row('float64', 8, Float64Array),
  row('float16', 2, Uint16Array),
  row('bfloat16', 2, Uint16Array),
  row('int64', 8, BigInt64Array),
  row('int32', 4, Int32Array),
  row('int16', 2, Int16Array),
  row('int8', 1, Int8Array),
  row('uint8', 1, Uint8Array),
  row('bool', 1, Uint8Array),
  row('complex64', 8, Float32Array, 'float32'),
  row('complex128', 16, Float64Array, 'float64'),
  row('complex32', 4, Uint16Array, 'float16'),
];

const BY_NAME = new Map(ROWS.map((entry) => [entry.dtype, entry]));

export function dtypeRow(dtype: DType): DTypeRow {
  return BY_NAME.get(dtype) as DTypeRow;
}

export function dtypeOf(number: number): DType {
  return (ROWS[number] as DTypeRow).dtype;
}

export function dtypeNumber(dtype: DType): number {
  return ROWS.indexOf(dtypeRow(dtype));
}

export function numelOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
