// A picture in, a tensor (N, C, H, W) of float32 out.
import type { TensorInput } from '../../../js_runtime/src/types.ts';
import type { Scale } from '../package.ts';

/** `eval`: the middle of the picture, scaled as classifiers are evaluated on ImageNet. */
export type Fit = 'eval' | 'cover' | 'whole';

const MARGIN = 224 / 256; // the part of the shorter side that `eval` keeps

/** Draws the picture onto all of the canvas. */
export function draw(picture: ImageBitmap, canvas: HTMLCanvasElement, fit: Fit): void {
  const { width, height } = canvas;
  const cover = Math.min(picture.width / width, picture.height / height);
  const zoom = fit === 'eval' ? cover * MARGIN : cover;
  const cut = fit === 'whole' ? [picture.width, picture.height] : [width * zoom, height * zoom];
  const [w, h] = cut as [number, number];
  const context = pen(canvas);
  context.imageSmoothingQuality = 'high';
  context.clearRect(0, 0, width, height);
  context.drawImage(
    picture,
    (picture.width - w) / 2,
    (picture.height - h) / 2,
    w,
    h,
    0,
    0,
    width,
    height,
  );
}

/** The canvas, N times; one channel is the luma of ITU-R BT.601. */
export function toTensor(
  canvas: HTMLCanvasElement,
  shape: readonly number[],
  scale: Scale,
): TensorInput {
  const [batch, channels, height, width] = shape as [number, number, number, number];
  const { data: rgba } = pen(canvas).getImageData(0, 0, width, height);
  const plane = height * width;
  const data = new Float32Array(batch * channels * plane);
  const byte = (i: number) => rgba[i] as number;
  const luma = (i: number) => 0.299 * byte(i) + 0.587 * byte(i + 1) + 0.114 * byte(i + 2);
  for (let c = 0; c < channels; ++c) {
    const { mean, deviation } = SCALES[scale](c, channels);
    for (let i = 0; i < plane; ++i) {
      const value = channels === 3 ? byte(4 * i + c) : luma(4 * i);
      data[c * plane + i] = (value / 255 - mean) / deviation;
    }
  }
  const one = channels * plane;
  for (let n = 1; n < batch; ++n) data.copyWithin(n * one, 0, one);
  return { data, shape };
}

const MEAN = [0.485, 0.456, 0.406];
const DEVIATION = [0.229, 0.224, 0.225];
const average = (values: readonly number[]) => values.reduce((a, b) => a + b) / values.length;

type Normalisation = { mean: number; deviation: number };

const SCALES: Readonly<Record<Scale, (channel: number, channels: number) => Normalisation>> = {
  '0..1': () => ({ mean: 0, deviation: 1 }),
  '-1..1': () => ({ mean: 0.5, deviation: 0.5 }),
  imagenet: (channel, channels) =>
    channels === 3
      ? { mean: MEAN[channel] as number, deviation: DEVIATION[channel] as number }
      : { mean: average(MEAN), deviation: average(DEVIATION) },
};

function pen(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  return canvas.getContext('2d', { willReadFrequently: true }) as CanvasRenderingContext2D;
}

/** A picture for models that come without samples: a sunset over water. */
export function testCard(): Promise<ImageBitmap> {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 256;
  const context = pen(canvas);
  const sky = context.createLinearGradient(0, 0, 0, 256);
  [
    [0, '#27406b'],
    [0.35, '#c66a5b'],
    [0.58, '#f7c873'],
    [0.6, '#35507c'],
    [1, '#101a33'],
  ].forEach(([at, colour]) => sky.addColorStop(at as number, colour as string));
  context.fillStyle = sky;
  context.fillRect(0, 0, 256, 256);
  context.fillStyle = '#fff3d6';
  context.beginPath();
  context.arc(128, 130, 30, Math.PI, 2 * Math.PI);
  context.fill();
  return createImageBitmap(canvas);
}
