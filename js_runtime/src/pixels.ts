// A picture in any of its forms in, its bytes out: at once where they are there already.
import type { ImagePreprocess } from '../../build/generated/manifest.ts';
import type { ImageInput, PixelsInput } from './image_input.ts';

export interface Pixels {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
  /** Bytes from pixel to pixel, of which the first `bands` count. */
  readonly step: number;
  readonly bands: number;
}

type Decodable = Exclude<ImageInput, PixelsInput>;

/** What it was at the time of the call; throws an Error that says why it cannot be read. */
export function pixelsOf(picture: ImageInput): Pixels | Promise<Pixels> {
  return isPixels(picture) ? checked(picture) : decoded(picture);
}

function isPixels(picture: ImageInput): picture is PixelsInput {
  return 'data' in picture && ArrayBuffer.isView(picture.data);
}

function checked({ data, width, height }: PixelsInput): Pixels {
  const step = data.length / (width * height);
  if (data.BYTES_PER_ELEMENT !== 1 || (step !== 3 && step !== 4)) {
    throw new Error(`${data.length} elements are no RGB or RGBA of ${width} x ${height} pixels`);
  }
  return { data, width, height, step, bands: 3 };
}

// The bytes of the file as they are: models were trained on what PIL reads, which knows no profiles.
const AS_STORED: ImageBitmapOptions = {
  colorSpaceConversion: 'none',
  premultiplyAlpha: 'none',
};

async function decoded(picture: Decodable): Promise<Pixels> {
  if ('decode' in picture) await picture.decode(); // an img element that is still loading
  const bitmap = await createImageBitmap(picture as ImageBitmapSource, AS_STORED);
  const { width, height } = bitmap;
  const context = canvasOf(width, height).getContext('2d', { willReadFrequently: true });
  (context as CanvasRenderingContext2D).drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data } = (context as CanvasRenderingContext2D).getImageData(0, 0, width, height);
  return { data, width, height, step: 4, bands: 3 };
}

function canvasOf(width: number, height: number): HTMLCanvasElement | OffscreenCanvas {
  if (typeof OffscreenCanvas === 'function') return new OffscreenCanvas(width, height);
  return Object.assign(document.createElement('canvas'), { width, height });
}

/** Luma of ITU-R BT.601 where that is wanted, in PIL's whole numbers. */
export function bandsOf(pixels: Pixels, channels: ImagePreprocess['channels']): Pixels {
  if (channels !== 'L') return pixels;
  const { data, width, height, step } = pixels;
  const byte = (i: number) => data[i] as number;
  const luma = new Uint8Array(width * height);
  for (let pixel = 0, i = 0; pixel < luma.length; ++pixel, i += step) {
    luma[pixel] = (byte(i) * 19595 + byte(i + 1) * 38470 + byte(i + 2) * 7471 + 0x8000) >> 16;
  }
  return { data: luma, width, height, step: 1, bands: 1 };
}
