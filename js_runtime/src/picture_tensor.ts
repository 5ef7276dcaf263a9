// Pictures of one size, in bytes, in; the model's input, rescaled and normalised, out.
import type { ImagePreprocess } from '../../build/generated/manifest.ts';
import { dtypeRow } from './dtypes.ts';
import { toBfloat16, toFloat16 } from './numbers.ts';
import type { Picture } from './picture.ts';
import type { DType, PortInfo, TensorInput } from './types.ts';

type Elements = Exclude<ArrayBufferView, DataView> & {
  [index: number]: number;
  fill(x: number): unknown;
};

/** The batch is as long as the list; a port without a batch takes one picture. */
export function pictureTensor(
  port: PortInfo,
  settings: ImagePreprocess,
  pictures: readonly Picture[],
): TensorInput {
  const { width = 0, height = 0, bands = 0 } = pictures[0] ?? {};
  const one = width * height * bands;
  const array = dtypeRow(port.dtype).array as unknown as new (length: number) => Elements;
  const data = new array(one * pictures.length);
  const tables = tablesOf(port.dtype, settings, bands);
  const planar = settings.layout === 'NCHW';
  pictures.forEach((picture, n) => {
    for (let channel = 0; channel < bands; ++channel) {
      const [from, step] = planar ? [channel * width * height, 1] : [channel, bands];
      const band = settings.channels === 'BGR' ? bands - 1 - channel : channel;
      write(data, n * one + from, step, picture, band, tables[channel] as readonly number[]);
    }
  });
  const image = planar ? [bands, height, width] : [height, width, bands];
  const batch =
    port.shape.length === image.length && pictures.length === 1 ? [] : [pictures.length];
  return { data: data as unknown as TensorInput['data'], shape: [...batch, ...image] };
}

/** One channel of one picture. */
function write(
  data: Elements,
  from: number,
  step: number,
  { width, height, bands, inside, data: bytes }: Picture,
  band: number,
  table: readonly number[],
): void {
  const padded = inside.width < width || inside.height < height;
  for (let i = 0; padded && i < width * height; ++i) data[from + i * step] = table[0] as number;
  for (let y = 0; y < inside.height; ++y) {
    let to = from + ((inside.top + y) * width + inside.left) * step;
    let at = y * inside.width * bands + band;
    for (let x = 0; x < inside.width; ++x) {
      data[to] = table[bytes[at] as number] as number;
      to += step;
      at += bands;
    }
  }
}

/** What each byte becomes in each channel, rounded as PyTorch rounds after each step. */
function tablesOf(dtype: DType, settings: ImagePreprocess, bands: number): number[][] {
  const { rescale, mean, std } = settings;
  const round = dtype === 'float64' ? (x: number) => x : Math.fround;
  const stored = STORED[dtype] ?? ((x: number) => x);
  const of = (list: readonly number[], channel: number) =>
    round((list.length === 1 ? list[0] : list[channel]) as number);
  return Array.from({ length: bands }, (_, channel) =>
    Array.from({ length: 256 }, (_, byte) => {
      const centred = round(round(byte * rescale) - of(mean, channel));
      return stored(round(centred / of(std, channel)));
    }),
  );
}

const STORED: Partial<Record<DType, (value: number) => number>> = {
  float16: toFloat16,
  bfloat16: toBfloat16,
};
