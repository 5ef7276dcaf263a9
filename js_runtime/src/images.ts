// images.js: what index.js of a package imports that was built with `--preprocess image`.
import type { ImagePreprocess } from '../../build/generated/manifest.ts';
import { converting } from './extension.ts';
import type { ImageInput } from './image_input.ts';
import { bandsOf, type Pixels, pixelsOf } from './pixels.ts';
import { framed, type Picture } from './picture.ts';
import { pictureTensor } from './picture_tensor.ts';
import type { Fail, PortInfo } from './types.ts';

const ALLOWED =
  'an ImageData, ImageBitmap, VideoFrame, Blob, img, canvas or video element, or ' +
  '{ data, width, height } with RGB or RGBA bytes';

/** One picture, or a list of them for a batch. */
export const images = converting('image', (port, value, fail) => {
  const settings = port.preprocess as ImagePreprocess;
  const pictures = (Array.isArray(value) ? value : [value]) as readonly ImageInput[];
  const prepared = (all: readonly Pixels[]) =>
    pictureTensor(
      port,
      settings,
      sameSize(
        port,
        fail,
        all.map((one) => framedBands(one, settings)),
      ),
    );
  const read = pictures.map((picture) => guarded(port, fail, picture));
  const waits = read.some((one) => one instanceof Promise);
  return waits ? Promise.all(read).then(prepared) : prepared(read as Pixels[]);
});

function framedBands(pixels: Pixels, settings: ImagePreprocess): Picture {
  return framed(bandsOf(pixels, settings.channels), settings);
}

function guarded(port: PortInfo, fail: Fail, picture: ImageInput): Pixels | Promise<Pixels> {
  const refuse = (error: unknown): never => {
    const reason = error instanceof Error ? error.message : String(error);
    throw fail('input-unreadable', { name: port.name, reason, allowed: ALLOWED });
  };
  try {
    const pixels = pixelsOf(picture);
    return pixels instanceof Promise ? pixels.catch(refuse) : pixels;
  } catch (error) {
    return refuse(error);
  }
}

function sameSize(port: PortInfo, fail: Fail, pictures: readonly Picture[]): readonly Picture[] {
  const sizes = new Set(pictures.map(({ width, height }) => `${width} x ${height}`));
  if (sizes.size < 2) return pictures;
  const reason = `the pictures of a batch become ${[...sizes].join(' and ')}`;
  throw fail('input-unreadable', { name: port.name, reason, allowed: 'pictures of one size' });
}
