// Maps (..., H, W) in, a picture of one of them out; or of the strongest channel everywhere.
import { choice, h } from '../dom.ts';
import type { Numbers } from './numbers.ts';

const SMALLEST = 4;
const LARGEST = 8192; // a canvas has its limits
const LISTED = 256;
const CLASSES = 5; // as many maps are likely to be those of classes

export function isMap({ shape }: Numbers): boolean {
  return shape.length >= 2 && shape.slice(-2).every((size) => size >= SMALLEST && size <= LARGEST);
}

type Colour = readonly [number, number, number];

/** From low to high: night blue, violet, red, orange, pale yellow (lightness rises throughout). */
const RAMP: readonly Colour[] = [
  [13, 16, 51],
  [84, 22, 112],
  [183, 48, 84],
  [243, 128, 48],
  [252, 240, 176],
];

export function heatmap(output: Numbers): HTMLElement {
  const [height, width] = output.shape.slice(-2) as [number, number];
  const maps = output.values.length / (height * width);
  const canvas = h('canvas', {
    width,
    height,
    class: 'heatmap',
    role: 'img',
    'aria-label': 'Heat map',
  });
  if (maps === 1) {
    paint(canvas, mapOf(output, 0));
    return canvas;
  }
  const names: Record<string, string> = { strongest: 'Strongest of all' };
  for (let i = 0; i < Math.min(maps, LISTED); ++i) names[i] = `Map ${i}`;
  const show = (key: string) =>
    paint(canvas, key === 'strongest' ? strongest(output, maps) : mapOf(output, Number(key)));
  const first = maps < CLASSES ? '0' : 'strongest';
  show(first);
  return h('div', {}, choice<string>('Show', names, first, show), canvas);
}

function mapOf({ values, shape }: Numbers, index: number): Float64Array {
  const size = shape.slice(-2).reduce((a, b) => a * b);
  return values.subarray(index * size, (index + 1) * size);
}

/** The number of the largest map at each place: the classes of a segmentation. */
function strongest(output: Numbers, maps: number): Float64Array {
  const best = mapOf(output, 0).slice();
  const winner = new Float64Array(best.length);
  for (let map = 1; map < maps; ++map) {
    mapOf(output, map).forEach((value, i) => {
      if (value <= (best[i] as number)) return;
      best[i] = value;
      winner[i] = map;
    });
  }
  return winner;
}

function paint(canvas: HTMLCanvasElement, values: Float64Array): void {
  const finite = values.filter(Number.isFinite);
  const low = finite.reduce((a, b) => Math.min(a, b), Infinity);
  const high = finite.reduce((a, b) => Math.max(a, b), -Infinity);
  const context = canvas.getContext('2d') as CanvasRenderingContext2D;
  const image = context.createImageData(canvas.width, canvas.height);
  values.forEach((value, i) => {
    const [r, g, b] = colour((value - low) / (high - low || 1));
    image.data.set([r, g, b, Number.isFinite(value) ? 255 : 0], 4 * i);
  });
  context.putImageData(image, 0, 0);
}

function colour(share: number): Colour {
  const at = Math.min(Math.max(share, 0), 1) * (RAMP.length - 1);
  const i = Math.min(Math.floor(at), RAMP.length - 2);
  const [from, to] = [RAMP[i] as Colour, RAMP[i + 1] as Colour];
  const mix = (c: 0 | 1 | 2) => from[c] + (to[c] - from[c]) * (at - i);
  return [mix(0), mix(1), mix(2)];
}
