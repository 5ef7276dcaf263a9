// The data of an input in, its elements as the runtime stores them out: views where they are so
// already, converted where that loses nothing that the caller could not see.
import { dtypeRow } from './dtypes.ts';
import { told, wtwError } from './errors.ts';
import type { DType, InputData } from './types.ts';

type Elements = Exclude<ArrayBufferView, DataView> & { readonly length: number };
type Port = { readonly name: string; readonly dtype: DType };

/** Arrays whose bits are taken as they are, besides the dtype's own. */
const SAME_BITS: Partial<Record<DType, readonly string[]>> = {
  float16: ['Float16Array'],
  complex32: ['Float16Array'],
  uint8: ['Uint8ClampedArray'],
};

const LIMITS: Partial<Record<DType, readonly [number, number]>> = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  int16: [-(2 ** 15), 2 ** 15 - 1],
  int8: [-128, 127],
  uint8: [0, 255],
};

/** Throws input-dtype. */
export function toElements(port: Port, data: InputData): Elements {
  const { dtype } = port;
  const type = typeName(data);
  const own = dtypeRow(dtype).array.name;
  if (dtype === 'bool' && (type === own || type === 'Array'))
    return booleans(data as ArrayLike<boolean>);
  if (type === own || SAME_BITS[dtype]?.includes(type)) return data as Elements;
  if (dtype === 'int64' && type === 'Int32Array') {
    return BigInt64Array.from(data as Int32Array, BigInt);
  }
  if (type === 'Array' && !dtypeRow(dtype).part.endsWith('float16'))
    return fromNumbers(port, data as number[]);
  throw wtwError('input-dtype', { name: port.name, given: type, expected: `${dtype} (${own})` });
}

// Also of arrays from another realm.
function typeName(data: unknown): string {
  return Object.prototype.toString.call(data).slice('[object '.length, -1);
}

function booleans(data: ArrayLike<boolean | number>): Uint8Array {
  return Uint8Array.from(data as ArrayLike<number>, (value) => (value ? 1 : 0));
}

function fromNumbers({ name, dtype }: Port, data: readonly (number | bigint)[]): Elements {
  const array = dtypeRow(dtype).array as unknown as {
    from(data: readonly unknown[], map: (value: unknown, i: number) => unknown): Elements;
  };
  return array.from(data, (value, i) => {
    const element = convert(dtype, value);
    if (element !== undefined) return element;
    const given = `${typeof value} ${told(value)} as element ${i}`;
    throw wtwError('input-dtype', { name, given, expected: dtype });
  });
}

function convert(dtype: DType, value: unknown): number | bigint | undefined {
  if (dtype === 'int64') {
    if (typeof value === 'bigint') return BigInt.asIntN(64, value) === value ? value : undefined;
    return Number.isSafeInteger(value) ? BigInt(value as number) : undefined;
  }
  if (typeof value !== 'number') return undefined;
  const limits = LIMITS[dtype];
  if (limits === undefined) return value;
  return Number.isInteger(value) && limits[0] <= value && value <= limits[1] ? value : undefined;
}
