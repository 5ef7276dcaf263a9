// The elements of an input in, the first that is NaN or infinite out.
import { dtypeRow } from './dtypes.ts';
import { wtwError } from './errors.ts';
import { fromBfloat16, fromFloat16 } from './numbers.ts';
import type { DType } from './types.ts';

type Numbers = Float32Array | Float64Array | Uint16Array;

/** Throws input-not-finite. `shape` is that of the tensor. */
export function checkFinite(
  { name, dtype }: { readonly name: string; readonly dtype: DType },
  { buffer, byteOffset, length }: ArrayBufferView & { readonly length: number },
  shape: readonly number[],
): void {
  const { part, parts, array } = dtypeRow(dtype);
  const search = SEARCH[part];
  if (search === undefined) return;
  const View = array as unknown as new (...of: [ArrayBufferLike, number, number]) => Numbers;
  const numbers = new View(buffer, byteOffset, length);
  const found = search.first(numbers);
  if (found < 0) return;
  const index = indexOf(Math.floor(found / parts), shape);
  throw notFinite(name, search.number(numbers[found] as number), index);
}

/** Of an input that is a number. */
export function checkFiniteNumber(name: string, value: number): void {
  if (!Number.isFinite(value)) throw notFinite(name, value, []);
}

function notFinite(name: string, value: number, index: readonly number[]) {
  return wtwError('input-not-finite', { name, value, index: `[${index.join(', ')}]` });
}

interface Search {
  readonly first: (numbers: Numbers) => number;
  readonly number: (element: number) => number;
}

const halves = (exponent: number, number: Search['number']): Search => ({
  first: (numbers) => {
    for (let i = 0; i < numbers.length; ++i) {
      if (((numbers[i] as number) & exponent) === exponent) return i;
    }
    return -1;
  },
  number,
});

const floats: Search = {
  first: (numbers) => {
    for (let i = 0; i < numbers.length; ++i) {
      if (!Number.isFinite(numbers[i])) return i;
    }
    return -1;
  },
  number: (element) => element,
};

// By the dtype of the parts; others have nothing but numbers.
const SEARCH: Partial<Record<DType, Search>> = {
  float32: floats,
  float64: floats,
  float16: halves(0x7c00, fromFloat16),
  bfloat16: halves(0x7f80, fromBfloat16),
};

// Of the element at this place in the order of the shape.
function indexOf(place: number, shape: readonly number[]): number[] {
  const index: number[] = [];
  for (const size of [...shape].reverse()) {
    index.unshift(place % size);
    place = Math.floor(place / size);
  }
  return index;
}
