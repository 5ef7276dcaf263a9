// Pixels and the settings of a port in; the picture resized and cropped, in bytes, out.
import type { ImagePreprocess } from '../../build/generated/manifest.ts';
import type { Pixels } from './pixels.ts';
import { resample, type Window } from './resample.ts';

/** What the model sees: where the crop is larger than the picture, the picture is inside. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly bands: number;
  /** The part that has bytes, and those: rows of pixels. The rest is black. */
  readonly inside: Window;
  readonly data: Uint8ClampedArray;
}

/** As torchvision's Resize and CenterCrop do it to a PIL image. */
export function framed(pixels: Pixels, settings: ImagePreprocess): Picture {
  const { interpolation, center } = settings;
  const size = resized(pixels, settings.resize);
  const [height, width] = extent(settings.crop) ?? [size.height, size.width];
  const left = corner(size.width, width, center);
  const top = corner(size.height, height, center);
  const window = {
    left: Math.max(left, 0),
    top: Math.max(top, 0),
    width: Math.min(width, size.width),
    height: Math.min(height, size.height),
  };
  const data = resample(pixels, size, window, interpolation);
  const inside = { ...window, left: Math.max(-left, 0), top: Math.max(-top, 0) };
  return { width, height, bands: pixels.bands, inside, data };
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** One number is the length of the shorter edge. */
function resized({ width, height }: Size, to: ImagePreprocess['resize']): Size {
  if (to === undefined) return { width, height };
  const [first, second] = to as [number, number?];
  if (second !== undefined) return { height: first, width: second };
  const longer = Math.trunc((first * Math.max(width, height)) / Math.min(width, height));
  return width <= height ? { width: first, height: longer } : { width: longer, height: first };
}

/** Height and width. */
function extent(crop: ImagePreprocess['crop']): readonly [number, number] | undefined {
  return crop && [crop[0] as number, crop.at(-1) as number];
}

function corner(size: number, crop: number, center: ImagePreprocess['center']): number {
  if (size < crop) return -Math.floor((crop - size) / 2);
  const half = (size - crop) / 2;
  const down = Math.floor(half);
  return center === 'round' && half > down && down % 2 === 1 ? down + 1 : down;
}
