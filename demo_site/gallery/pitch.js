// A sound in, its pitch over time out. The package cuts a sound into frames and normalises them.
import { byId, onFile, onProgress, ready, tell, timed } from './gallery.js';
import { load } from './packages/crepe/index.js';
import { decode, onMicrophone, RATE } from './sound.js';

const [WINDOW, HOP] = [1024, 320]; // as the package was built: a frame every 20 ms
const [LOWEST, HIGHEST, SHOWN] = [50, 1600, 500]; // hertz, frames
const NOTES = ['C', 'C♯', 'D', 'D♯', 'E', 'F', 'F♯', 'G', 'G♯', 'A', 'A♯', 'B'];
const model = await load({ onProgress });
let waiting = []; // samples
let frames = []; // what was found: { hertz, sure }
let working = Promise.resolve();

function begin() {
  [waiting, frames] = [[], []];
  tell('Listening …');
}

/** Works off what waits, a second at a time; one call after the other. */
function hear(samples) {
  waiting = [...waiting, ...samples];
  return (working = working.catch(() => {}).then(workOff));
}

async function workOff() {
  while (waiting.length >= WINDOW) {
    const data = Float32Array.from(waiting.slice(0, RATE));
    const count = Math.floor((data.length - WINDOW) / HOP) + 1;
    waiting = waiting.slice(count * HOP);
    const own = frames;
    const { output } = await timed(() => model.run({ x: { data, sampleRate: RATE } }));
    if (own !== frames) continue; // another sound has begun
    const found = Array.from({ length: count }, (_, i) =>
      pitchOf(output.data.subarray(i * output.shape[1], (i + 1) * output.shape[1])),
    );
    frames = [...frames, ...found].slice(-SHOWN);
    show(median(found));
  }
}

/** The mean of the bins around the best; bin 0 is 1997.379 cents over 10 Hz, each has 20. */
function pitchOf(bins) {
  const sure = Math.max(...bins);
  const best = bins.indexOf(sure);
  let [sum, cents] = [0, 0];
  for (let i = Math.max(0, best - 4); i <= Math.min(bins.length - 1, best + 4); ++i) {
    sum += bins[i];
    cents += bins[i] * (1997.379 + 20 * i);
  }
  return { hertz: 10 * 2 ** (cents / sum / 1200), sure: sure > 0.5 };
}

function median(some) {
  const heard = some.filter(({ sure }) => sure).map(({ hertz }) => hertz);
  return heard.sort((a, b) => a - b)[heard.length >> 1];
}

function show(hertz) {
  const canvas = byId('chart');
  const context = canvas.getContext('2d');
  const { color, borderColor } = getComputedStyle(canvas);
  const y = (hz) => (canvas.height * Math.log(HIGHEST / hz)) / Math.log(HIGHEST / LOWEST);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = borderColor;
  for (let a = 55; a < HIGHEST; a *= 2) context.fillRect(0, y(a), canvas.width, 2);
  context.fillStyle = color;
  for (const [i, frame] of frames.entries()) {
    if (frame.sure) context.fillRect(i * 2, y(frame.hertz) - 3, 4, 6);
  }
  if (!hertz) return;
  const key = Math.round(69 + 12 * Math.log2(hertz / 440));
  byId('note').textContent = `${NOTES[key % 12]}${Math.floor(key / 12) - 1}`;
  byId('hertz').textContent = `${hertz.toFixed(1)} Hz`;
}

async function record(samples) {
  stop();
  begin();
  await hear(samples);
  const heard = median(frames);
  show(heard);
  tell(heard ? `In the median ${heard.toFixed(1)} Hz.` : 'No pitch was heard.');
}

const stop = onMicrophone(begin, hear);
onFile(async (file) => record(await decode(file)));
byId('tone').addEventListener('click', () =>
  record(Array.from({ length: RATE }, (_, i) => 0.5 * Math.sin((2 * Math.PI * 440 * i) / RATE))),
);
ready(model);
