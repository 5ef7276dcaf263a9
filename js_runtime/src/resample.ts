// Bytes of a picture in, bytes of a part of it at another size out: the same that PIL computes.
import type { Pixels } from './pixels.ts';

/** A part of the picture at its new size. */
export interface Window {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export type Interpolation = 'nearest' | 'bilinear' | 'bicubic' | 'lanczos';

/**
 * Rows of pixels of `image.bands` bytes. First along rows, then along columns; after each, values
 * are rounded to bytes. Made smaller, each pixel is a mean over all that it covers (antialiasing).
 */
export function resample(
  image: Pixels,
  size: { readonly width: number; readonly height: number },
  window: Window,
  interpolation: Interpolation,
): Uint8ClampedArray {
  const { data, width, step, bands } = image;
  const across = tapsOf(width, size.width, window.left, window.width, interpolation);
  const down = tapsOf(image.height, size.height, window.top, window.height, interpolation);
  const top = down.first[0] as number;
  const last = window.height - 1;
  const rows = (down.first[last] as number) + (down.count[last] as number) - top;
  const line = window.width * bands;
  const narrow = new Uint8ClampedArray(rows * line);
  for (let row = 0; row < rows; ++row) {
    for (let band = 0; band < bands; ++band) {
      const from = (top + row) * width * step + band;
      convolve(data, from, step, across, narrow, row * line + band, bands);
    }
  }
  const result = new Uint8ClampedArray(window.height * line);
  for (let column = 0; column < line; ++column) {
    convolve(narrow, column - top * line, line, down, result, column, line);
  }
  return result;
}

/** What each output along an axis is made of. */
interface Taps {
  /** The first input and the number of them, for each output. */
  readonly first: Int32Array;
  readonly count: Int32Array;
  /** `width` for each output, in 2^-BITS. */
  readonly weights: Int32Array;
  readonly width: number;
}

const BITS = 22; // sums of bytes times weights stay within 32 bits

function convolve(
  source: Uint8Array | Uint8ClampedArray,
  from: number,
  step: number,
  { first, count, weights, width }: Taps,
  target: Uint8ClampedArray,
  to: number,
  stride: number,
): void {
  for (let i = 0; i < first.length; ++i) {
    const begin = i * width;
    const end = begin + (count[i] as number);
    let at = from + (first[i] as number) * step;
    let sum = 1 << (BITS - 1);
    for (let tap = begin; tap < end; ++tap) {
      sum = (sum + Math.imul(source[at] as number, weights[tap] as number)) | 0;
      at += step;
    }
    target[to + i * stride] = sum >> BITS; // clamped to a byte
  }
}

interface Kernel {
  readonly support: number;
  weight(x: number): number;
}

const sinc = (x: number) => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI));
const CUBIC = -0.5; // the slope at 1, Keys' choice

const KERNELS: Readonly<Record<Exclude<Interpolation, 'nearest'>, Kernel>> = {
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: {
    support: 2,
    weight: (given) => {
      const x = Math.abs(given);
      if (x < 1) return ((CUBIC + 2) * x - (CUBIC + 3)) * x * x + 1;
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * CUBIC : 0;
    },
  },
  lanczos: { support: 3, weight: (x) => (-3 <= x && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/** Of `outputs` elements from `begin` on, of an axis that goes from `from` elements to `to`. */
function tapsOf(
  from: number,
  to: number,
  begin: number,
  outputs: number,
  interpolation: Interpolation,
): Taps {
  if (interpolation === 'nearest' || from === to) return singles(from / to, begin, outputs);
  const { support, weight } = KERNELS[interpolation];
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const reach = support * stretch;
  const width = Math.ceil(reach) * 2 + 1;
  const first = new Int32Array(outputs);
  const count = new Int32Array(outputs);
  const weights = new Int32Array(outputs * width);
  for (let i = 0; i < outputs; ++i) {
    const center = (begin + i + 0.5) * scale;
    const low = Math.max(0, Math.trunc(center - reach + 0.5));
    const high = Math.min(from, Math.trunc(center + reach + 0.5));
    const exact = Array.from({ length: high - low }, (_, tap) =>
      weight((tap + low - center + 0.5) * (1 / stretch)),
    );
    const sum = exact.reduce((total, one) => total + one, 0);
    first[i] = low;
    count[i] = exact.length;
    exact.forEach((one, tap) => (weights[i * width + tap] = fixed(one / sum)));
  }
  return { first, count, weights, width };
}

/** Rounded half away from zero. */
function fixed(weight: number): number {
  return Math.trunc(weight * 2 ** BITS + (weight < 0 ? -0.5 : 0.5));
}

/** One input for each output; places are added up as PIL does it, rounding errors and all. */
function singles(scale: number, begin: number, outputs: number): Taps {
  const first = new Int32Array(outputs);
  let place = scale * 0.5;
  for (let i = 0; i < begin + outputs; ++i) {
    if (i >= begin) first[i - begin] = Math.floor(place);
    place += scale;
  }
  const weights = new Int32Array(outputs).fill(1 << BITS);
  return { first, count: new Int32Array(outputs).fill(1), weights, width: 1 };
}
