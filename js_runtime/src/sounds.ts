// sounds.js: what index.js of a package imports that was built with `--preprocess audio`.
import type { AudioPreprocess } from '../../build/generated/manifest.ts';
import { converting } from './extension.ts';
import { resampleSound } from './sinc.ts';
import type { SoundInput } from './sound_input.ts';
import type { TensorInput } from './types.ts';

const ALLOWED =
  'an AudioBuffer or { data: Float32Array, sampleRate, channels }, with a whole number of samples ' +
  'a second, at most 1000000';
const FASTEST = 1_000_000;

/** In a row, or in windows; axes before are of size 1. */
export const sounds = converting('audio', (port, value, fail) => {
  const settings = port.preprocess as AudioPreprocess;
  const refuse = (reason: string): never => {
    throw fail('input-unreadable', { name: port.name, reason, allowed: ALLOWED });
  };
  const sound = value as SoundInput;
  const { sampleRate } = sound;
  const possible = Number.isInteger(sampleRate) && sampleRate >= 1 && sampleRate <= FASTEST;
  if (!possible) refuse(`sampleRate is ${sampleRate}`);
  const samples = resampleSound(mono(sound, refuse), sampleRate, settings.rate);
  const { data, shape } = rowsOf(samples, settings);
  if (settings.normalize) normalise(data, shape.at(-1) as number);
  const ones = Array.from({ length: Math.max(0, port.shape.length - shape.length) }, () => 1);
  return { data, shape: [...ones, ...shape] } as TensorInput;
});

function mono(sound: SoundInput, refuse: (reason: string) => never): Float32Array {
  if ('getChannelData' in sound) {
    const { numberOfChannels, length } = sound;
    const channels = Array.from({ length: numberOfChannels }, (_, i) => sound.getChannelData(i));
    return mixed(length, numberOfChannels, (sample, i) => channels[i]?.[sample] as number);
  }
  const { data, channels = 1 } = sound;
  if (!(data instanceof Float32Array)) return refuse('its data is no Float32Array');
  if (!Number.isInteger(channels) || channels < 1 || data.length % channels !== 0) {
    return refuse(`${data.length} samples are not those of ${channels} channels`);
  }
  return mixed(
    data.length / channels,
    channels,
    (sample, i) => data[sample * channels + i] as number,
  );
}

function mixed(
  length: number,
  channels: number,
  at: (sample: number, channel: number) => number,
): Float32Array {
  const result = new Float32Array(length);
  for (let sample = 0; sample < length; ++sample) {
    let sum = 0;
    for (let channel = 0; channel < channels; ++channel) sum += at(sample, channel);
    result[sample] = sum / channels;
  }
  return result;
}

interface Rows {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

function rowsOf(samples: Float32Array, { length, window, hop = window }: AudioPreprocess): Rows {
  const least = length ?? Math.max(samples.length, window ?? 0);
  const fitted = new Float32Array(least); // silence where the sound has ended
  fitted.set(samples.subarray(0, least));
  if (window === undefined || hop === undefined) return { data: fitted, shape: [least] };
  const rows = Math.floor((least - window) / hop) + 1;
  const data = new Float32Array(rows * window);
  for (let row = 0; row < rows; ++row) {
    data.set(fitted.subarray(row * hop, row * hop + window), row * window);
  }
  return { data, shape: [rows, window] };
}

const EPSILON = 1e-7; // that of Wav2Vec2's feature extractor, added to the variance

function normalise(data: Float32Array, length: number): void {
  for (let begin = 0; begin < data.length; begin += length) {
    const row = data.subarray(begin, begin + length);
    const mean = row.reduce((sum, x) => sum + x, 0) / length;
    const variance = row.reduce((sum, x) => sum + (x - mean) ** 2, 0) / length;
    const scale = 1 / Math.sqrt(variance + EPSILON);
    for (let i = 0; i < length; ++i) row[i] = ((row[i] as number) - mean) * scale;
  }
}
