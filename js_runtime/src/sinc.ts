// Samples at one rate in, samples at another out, by a windowed sinc:
// Smith, "Digital Audio Resampling", https://ccrma.stanford.edu/~jos/resample/
// with the cut-off and the window that torchaudio.functional.resample has by default.

const ZEROS = 6; // of the sinc, on each side
const ROLLOFF = 0.99; // the cut-off, as a part of the lower Nyquist frequency

/** ceil(length * to / from) samples; silence before and after. */
export function resampleSound(samples: Float32Array, from: number, to: number): Float32Array {
  if (from === to) return samples;
  const divisor = gcd(from, to);
  const [inputs, outputs] = [from / divisor, to / divisor];
  const { reach, width, weights } = phasesOf(inputs, outputs);
  const result = new Float32Array(Math.ceil((samples.length * outputs) / inputs));
  for (let i = 0; i < result.length; ++i) {
    const phase = i % outputs;
    const frame = ((i - phase) / outputs) * inputs;
    const first = frame + firstOf(phase, inputs, outputs, reach);
    const low = Math.max(0, -first);
    const high = Math.min(width, samples.length - first);
    let sum = 0;
    for (let tap = low; tap < high; ++tap) {
      sum += (samples[first + tap] as number) * (weights[phase * width + tap] as number);
    }
    result[i] = sum;
  }
  return result;
}

interface Phases {
  /** How far from an output inputs count, in inputs. */
  readonly reach: number;
  /** Weights of each phase. */
  readonly width: number;
  readonly weights: Float64Array;
}

/** The weights repeat after `outputs` outputs, which are `inputs` inputs long. */
function phasesOf(inputs: number, outputs: number): Phases {
  const cutoff = (ROLLOFF * Math.min(inputs, outputs)) / inputs; // in periods an input
  const reach = ZEROS / cutoff;
  const width = Math.floor(2 * reach) + 1;
  const weights = new Float64Array(outputs * width);
  for (let phase = 0; phase < outputs; ++phase) {
    const first = firstOf(phase, inputs, outputs, reach);
    for (let tap = 0; tap < width; ++tap) {
      const x = (first + tap - (phase * inputs) / outputs) * cutoff;
      weights[phase * width + tap] = Math.abs(x) < ZEROS ? cutoff * sinc(x) * hann(x) : 0;
    }
  }
  return { reach, width, weights };
}

const sinc = (x: number) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
const hann = (x: number) => Math.cos((Math.PI * x) / (2 * ZEROS)) ** 2;

/** The first input that counts, from the frame's first on. */
function firstOf(phase: number, inputs: number, outputs: number, reach: number): number {
  return Math.ceil((phase * inputs) / outputs - reach);
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
