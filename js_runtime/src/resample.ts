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
 * Rows of pixels of `image.bands` bytes. One axis after the other; after each, values are rounded to
 * bytes. Made smaller, each pixel is a mean over all that it covers (antialiasing).
 */
export function resample(
  image: Pixels,
  size: { readonly width: number; readonly height: number },
  window: Window,
  interpolation: Interpolation,
): Uint8ClampedArray {
  const { width, height } = image;
  const across = tapsOf(width, size.width, window.left, window.width, interpolation);
  const down = tapsOf(height, size.height, window.top, window.height, interpolation);
  // Pillow's choice since version 13; before, rows always came first.
  const shrinks = height > size.height;
  const columnsFirst = shrinks && height - size.height > 2 * (width - size.width);
  const needed = cut(image, across, down);
  return columnsFirst
    ? alongRows(alongColumns(needed, down), across).data
    : alongColumns(alongRows(needed, across), down).data;
}

/** What each output along an axis is made of. */
interface Taps {
  /** The inputs that count for any output. */
  readonly begin: number;
  readonly end: number;
  /** The first input, counted from `begin`, and the number of them, for each output. */
  readonly first: Int32Array;
  readonly count: Int32Array;
  /** `width` for each output, in 2^-BITS. */
  readonly weights: Int32Array;
  readonly width: number;
}

/** Bytes of a picture, or of a part of it. */
interface Grid<Data = Uint8Array | Uint8ClampedArray> {
  readonly data: Data;
  readonly origin: number;
  /** From pixel to pixel, and from row to row. */
  readonly step: number;
  readonly line: number;
  readonly width: number;
  readonly height: number;
  readonly bands: number;
}

function cut({ data, width, step, bands }: Pixels, across: Taps, down: Taps): Grid {
  const line = width * step;
  const origin = down.begin * line + across.begin * step;
  const size = { width: across.end - across.begin, height: down.end - down.begin };
  return { data, origin, step, line, ...size, bands };
}

function alongRows(grid: Grid, taps: Taps): Grid<Uint8ClampedArray> {
  const { data, origin, step, line, height, bands } = grid;
  const made = gridOf(taps.first.length, height, bands);
  for (let row = 0; row < height; ++row) {
    for (let band = 0; band < bands; ++band) {
      convolve(
        data,
        origin + row * line + band,
        step,
        taps,
        made.data,
        row * made.line + band,
        bands,
      );
    }
  }
  return made;
}

function alongColumns(grid: Grid, taps: Taps): Grid<Uint8ClampedArray> {
  const { data, origin, step, line, width, bands } = grid;
  const made = gridOf(width, taps.first.length, bands);
  for (let column = 0; column < width; ++column) {
    for (let band = 0; band < bands; ++band) {
      const to = column * bands + band;
      convolve(data, origin + column * step + band, line, taps, made.data, to, made.line);
    }
  }
  return made;
}

function gridOf(width: number, height: number, bands: number): Grid<Uint8ClampedArray> {
  const line = width * bands;
  const data = new Uint8ClampedArray(height * line);
  return { data, origin: 0, step: bands, line, width, height, bands };
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
  return counted({ first, count, weights, width });
}

/** With the inputs that count, and those of each output counted from the first of them. */
function counted(taps: Omit<Taps, 'begin' | 'end'>): Taps {
  const { first, count } = taps;
  const last = first.length - 1;
  const [begin, end] = [first[0] as number, (first[last] as number) + (count[last] as number)];
  return { ...taps, begin, end, first: first.map((input) => input - begin) };
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
  return counted({ first, count: new Int32Array(outputs).fill(1), weights, width: 1 });
}
