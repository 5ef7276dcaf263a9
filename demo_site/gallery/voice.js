// A sound in, where somebody speaks in it out. The model remembers what it has heard from run to run:
// runs are worked off in the order of the calls, and `reset` begins a new sound.
import { byId, onFile, onProgress, ready, tell, timed } from './gallery.js';
import { load } from './packages/silero-vad/index.js';
import { decode, onMicrophone, RATE } from './sound.js';

const BLOCK = 512; // samples that the model takes: 32 ms
const SHOWN = 320; // blocks

const model = await load({ onProgress });

let count = 0; // blocks heard
let shown = []; // the last of them: { loud, speech }
let span = null; // the speech that goes on

async function begin() {
  await model.reset();
  [count, shown, span] = [0, [], null];
  byId('spans').replaceChildren();
  tell('Listening …');
}

async function hear(blocks) {
  const outputs = await timed(
    () => Promise.all(blocks.map((samples) => model.run({ samples }))),
    blocks.length,
  );
  outputs.forEach(({ output }, i) => add(blocks[i], output.data[0] > 0.5));
  draw();
}

function add(samples, speech) {
  const loud = samples.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  shown = [...shown, { loud, speech }].slice(-SHOWN);
  if (speech && !span) {
    span = { from: count, item: document.createElement('li') };
    byId('spans').append(span.item);
  }
  ++count;
  if (!speech) span = null;
  else span.item.textContent = `${seconds(span.from)} to ${seconds(count)}`;
}

const seconds = (blocks) => `${((blocks * BLOCK) / RATE).toFixed(2)} s`;

function draw() {
  const canvas = byId('chart');
  const context = canvas.getContext('2d');
  const { color, borderColor } = getComputedStyle(canvas);
  const width = canvas.width / SHOWN;
  context.clearRect(0, 0, canvas.width, canvas.height);
  for (const [i, { loud, speech }] of shown.entries()) {
    const height = Math.max(4, canvas.height * loud);
    context.fillStyle = speech ? color : borderColor;
    context.fillRect(i * width, (canvas.height - height) / 2, width - 1, height);
  }
}

const stop = onMicrophone(begin, async (samples) => {
  await hear([samples]);
  tell(shown.at(-1).speech ? 'Somebody speaks.' : 'Nobody speaks.');
});

onFile(async (file) => {
  stop();
  const samples = await decode(file);
  await begin();
  const starts = Array.from({ length: Math.floor(samples.length / BLOCK) }, (_, i) => i * BLOCK);
  await hear(starts.map((start) => samples.subarray(start, start + BLOCK)));
  const spoken = byId('spans').children.length;
  tell(`Somebody speaks ${spoken} ${spoken === 1 ? 'time' : 'times'} in ${seconds(count)}.`);
});

ready(model);
