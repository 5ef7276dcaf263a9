// A sound that is picked in, samples or frames of samples out.
import { numelOf } from '../../../js_runtime/src/dtypes.ts';
import { lineChart } from '../chart.ts';
import { choice, filePicker, h, numberBox } from '../dom.ts';
import { guarded } from '../failure.ts';
import type { TensorPort } from '../package.ts';
import { type Context, raw, type TensorEditor } from './editor.ts';

const SHORTEST = 1024; // shorter rows are features rather than samples
const RATE = 16000;

/** float32 with long rows: (samples), (1, samples), (frames, samples of a frame), (1, 1, samples). */
export function takesAudio({ dtype, shape, preprocess }: TensorPort): boolean {
  if (preprocess) return preprocess.kind === 'audio';
  const row = shape[shape.length - 1];
  const long = typeof row === 'string' || (row !== undefined && row >= SHORTEST);
  return (
    dtype === 'float32' && long && shape.length <= 3 && shape.slice(0, -2).every((n) => n === 1)
  );
}

type Level = 'recorded' | 'standard';

const LEVELS: Readonly<Record<Level, string>> = {
  recorded: 'As recorded',
  standard: 'Mean 0, deviation 1 per row',
};

export function audioEditor(context: Context): TensorEditor {
  const { changed, port } = context;
  const state = {
    samples: tone(),
    rate: RATE,
    level: 'recorded' as Level,
    file: null as Blob | null,
  };
  const wave = h('div', {}, lineChart(state.samples, 'Waveform'));
  const take = (samples: Float32Array<ArrayBuffer>) => {
    state.samples = samples;
    wave.replaceChildren(lineChart(samples, 'Waveform'));
    fitSizes(context, samples.length);
    changed();
  };
  fitSizes(context, state.samples.length);
  const reread = () =>
    guarded(async () => take(state.file ? await decode(state.file, state.rate) : tone(state.rate)));
  return {
    element: h(
      'div',
      {},
      wave,
      h(
        'div',
        { class: 'fields' },
        filePicker('Choose a sound', 'audio/*', (file) => {
          state.file = file;
          void reread();
        }),
        numberBox('Samples a second', state.rate, { min: 8000, max: 96000, step: 1 }, (rate) => {
          state.rate = rate;
          void reread();
        }),
        port.preprocess
          ? ''
          : choice('Level', LEVELS, state.level, (level) => {
              state.level = level;
              changed();
            }),
      ),
      h('p', { class: 'quiet' }, 'Until a sound is chosen: a tone of 440 Hz.'),
    ),
    read(shape) {
      if (port.preprocess) return raw({ data: state.samples, sampleRate: state.rate });
      const data = new Float32Array(numelOf(shape)); // silence after a short sound
      data.set(state.samples.subarray(0, data.length));
      if (state.level === 'standard') standardise(data, shape[shape.length - 1] as number);
      return { data, shape };
    },
  };
}

/** The dynamic size of the last axis, or of frames before it, so that the sound just fits. */
function fitSizes({ port, resize }: Context, length: number): void {
  const [row, frames] = [...port.shape].reverse();
  if (typeof row === 'string') resize(row, length);
  else if (typeof frames === 'string') resize(frames, Math.floor(length / (row as number)));
}

/** The first channel, resampled. */
async function decode(file: Blob, rate: number): Promise<Float32Array<ArrayBuffer>> {
  const decoder = new OfflineAudioContext(1, 1, rate);
  const sound = await decoder.decodeAudioData(await file.arrayBuffer()).catch(() => {
    throw new Error('This file is no sound that the browser can read.');
  });
  return sound.getChannelData(0);
}

function tone(rate = RATE): Float32Array<ArrayBuffer> {
  return Float32Array.from(
    { length: rate },
    (_, i) => 0.5 * Math.sin((2 * Math.PI * 440 * i) / rate),
  );
}

function standardise(data: Float32Array, row: number): void {
  for (let begin = 0; begin < data.length; begin += row) {
    const part = data.subarray(begin, begin + row);
    const mean = part.reduce((sum, x) => sum + x, 0) / row;
    const variance = part.reduce((sum, x) => sum + (x - mean) ** 2, 0) / row;
    const scale = 1 / Math.max(1e-10, Math.sqrt(variance));
    part.forEach((x, i) => {
      part[i] = (x - mean) * scale;
    });
  }
}
