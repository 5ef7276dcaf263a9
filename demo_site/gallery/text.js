// A picture of printed text in, its lines as text out. The package knows its letters, and how a
// picture of one line becomes its input; lines.js finds the lines.
import { byId, onFile, onProgress, ready, tell, timed } from './gallery.js';
import { findLines } from './lines.js';
import { load } from './packages/ocr/index.js';

const WIDEST = 1600;
const BLANK = 0; // the class that CTC puts between letters

const model = await load({ onProgress });

const canvas = byId('picture');
const context = canvas.getContext('2d', { willReadFrequently: true });
let latest = 0;

onFile(async (file) => {
  const turn = ++latest;
  await draw(file);
  const lines = findLines(context.getImageData(0, 0, canvas.width, canvas.height));
  const pieces = lines.map(({ left, top, right, bottom }) =>
    context.getImageData(left, top, right - left, bottom - top),
  );
  byId('lines').replaceChildren();
  tell(lines.length ? 'Reading …' : 'No lines of text were found.');
  for (const [i, piece] of pieces.entries()) {
    const steps = await timed(() => model.classify({ x: piece }, { top: 1 }));
    if (turn !== latest) return;
    const item = document.createElement('li');
    item.textContent = lettersOf(steps.map(([best]) => best));
    byId('lines').append(item);
    frame(lines[i]);
  }
  if (lines.length) tell(`${lines.length} ${lines.length === 1 ? 'line' : 'lines'} of text.`);
});

async function draw(file) {
  const picture = await createImageBitmap(file).catch(() => {
    throw new Error('This file is no picture that the browser can read.');
  });
  const scale = Math.min(1, WIDEST / picture.width);
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
}

/** CTC: the same letter twice in a row is one, unless a blank lies between. */
function lettersOf(steps) {
  return steps
    .filter(({ index }, i) => index !== BLANK && index !== steps[i - 1]?.index)
    .map(({ label }) => label || ' ') // labels are trimmed
    .join('');
}

function frame({ left, top, right, bottom }) {
  context.strokeStyle = getComputedStyle(canvas).color;
  context.lineWidth = Math.max(1, canvas.width / 400);
  context.strokeRect(left, top, right - left, bottom - top);
}

ready(model);
