// A photo in, what is in it out. The package knows its labels, and how a picture becomes its input.
import { byId, onFile, onProgress, ready, showBars, tell, timed } from './gallery.js';
import { load } from './packages/mobilenet-v2/index.js';

const model = await load({ onProgress });

onFile(async (file) => {
  const photo = byId('photo');
  URL.revokeObjectURL(photo.src);
  photo.src = URL.createObjectURL(file);
  await photo.decode().catch(() => {
    throw new Error('This file is no picture that the browser can read.');
  });
  const classes = await timed(() => model.classify({ x: file }));
  const percent = (score) => `${(100 * score).toFixed(1)} %`;
  showBars(
    byId('classes'),
    classes.map(({ label, score }) => [label, score, percent(score)]),
  );
  const [{ label, score }] = classes;
  photo.alt = `Your photo: ${label}`;
  tell(`${label}, ${percent(score)}`);
});

ready(model);
