// A picture that is picked, dropped, pasted or a sample in, the model's input out.
import { button, choice, filePicker, h } from '../dom.ts';
import { guarded } from '../failure.ts';
import type { Scale, TensorPort } from '../package.ts';
import { type Context, raw, type TensorEditor } from './editor.ts';
import { draw, type Fit, testCard, toTensor } from './pixels.ts';

/** (N, 3, H, W) or (N, 1, H, W) of float32, or whatever the package makes of pictures. */
export function takesImage({ dtype, shape, preprocess }: TensorPort): boolean {
  if (preprocess) return preprocess.kind === 'image';
  const [, channels, height, width] = shape;
  const wide = (size: unknown) => typeof size === 'string' || (size as number) >= 16;
  return (
    dtype === 'float32' &&
    shape.length === 4 &&
    (channels === 3 || channels === 1) &&
    wide(height) &&
    wide(width)
  );
}

export async function imageEditor(context: Context): Promise<TensorEditor> {
  const { hints, changed, port } = context;
  const settings = port.preprocess?.kind === 'image' ? port.preprocess : undefined;
  const canvas = h('canvas', {
    role: 'img',
    'aria-label': 'What the model sees',
    width: 224,
    height: 224,
  });
  const state = {
    picture: await testCard(),
    fit: 'eval' as Fit,
    scale: hints.scale ?? ('0..1' as Scale),
  };
  const take = (source: Blob) =>
    guarded(async () => {
      state.picture = await createImageBitmap(source).catch(() => {
        throw new Error('This file is no picture that the browser can read.');
      });
      changed();
    });
  const samples = (hints.samples ?? []).map(({ name, url }) => sample(name, url, take));
  const [first] = hints.samples ?? [];
  if (first) state.picture = await createImageBitmap(await fetched(first.url));
  acceptDrops(canvas, take);
  return {
    element: h(
      'div',
      { class: 'image' },
      h('div', { class: 'drop' }, canvas),
      h('div', { class: 'fields' }, filePicker('Choose a picture', 'image/*', take), ...samples),
      h('p', { class: 'quiet' }, 'Or drop a picture here, or paste one.'),
      settings ? '' : h('div', { class: 'fields' }, ...preparation(state, changed)),
    ),
    read(shape) {
      const end = settings?.layout === 'NHWC' ? -1 : shape.length;
      [canvas.height, canvas.width] = shape.slice(0, end).slice(-2) as [number, number];
      draw(state.picture, canvas, state.fit);
      return settings ? raw(state.picture) : toTensor(canvas, shape, state.scale);
    },
  };
}

/** What the page does to pictures where the package does not. */
function preparation(state: { fit: Fit; scale: Scale }, changed: () => void): HTMLElement[] {
  return [
    choice('Fit', FITS, state.fit, (fit) => {
      state.fit = fit;
      changed();
    }),
    choice('Values', SCALES, state.scale, (scale) => {
      state.scale = scale;
      changed();
    }),
  ];
}

const FITS: Readonly<Record<Fit, string>> = {
  eval: 'Centre crop, 87.5 %',
  cover: 'Centre crop',
  whole: 'Stretched',
};
const SCALES: Readonly<Record<Scale, string>> = {
  '0..1': '0 to 1',
  '-1..1': '−1 to 1',
  imagenet: 'ImageNet',
};

type Take = (source: Blob) => void;

function sample(name: string, url: string, take: Take): HTMLElement {
  const pressed = button('', () => guarded(async () => take(await fetched(url))), 'sample');
  pressed.append(h('img', { src: url, alt: `Sample: ${name}`, width: 40, height: 40 }));
  return pressed;
}

async function fetched(url: string): Promise<Blob> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: HTTP status ${response.status}`);
  return response.blob();
}

/** Drops anywhere on the page, so that a near miss does not leave it; and pasted pictures. */
function acceptDrops(canvas: HTMLElement, take: Take): void {
  const mark = (on: boolean) => canvas.parentElement?.classList.toggle('over', on);
  const picked = (data: DataTransfer | null) => {
    const file = [...(data?.files ?? [])].find(({ type }) => type.startsWith('image/'));
    if (file && canvas.isConnected) take(file);
  };
  document.addEventListener('dragover', (event) => {
    event.preventDefault();
    mark(true);
  });
  document.addEventListener('dragleave', () => mark(false));
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    mark(false);
    picked(event.dataTransfer);
  });
  document.addEventListener('paste', (event) => picked(event.clipboardData));
}
