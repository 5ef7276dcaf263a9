// Sentences in, how alike they are in meaning out. The tokenizer came with the package.
import { byId, onProgress, ready, showBars, tell, timed } from './gallery.js';
import { load } from './packages/minilm/index.js';
import { Tokenizer } from './tokenizers.js';

const LONGEST = 256; // tokens, as the model was trained

const [model, vocabulary] = await Promise.all([
  load({ onProgress }),
  fetch('./packages/minilm/tokenizer.json').then((response) => response.json()),
]);
const tokenizer = new Tokenizer(vocabulary, {});

/** A vector of length 1 for each text: the closer two point in one direction, the more alike. */
async function embed(texts) {
  const rows = texts.map((text) => tokenizer.encode(text).ids.slice(0, LONGEST));
  const longest = Math.max(...rows.map((ids) => ids.length));
  const shape = [rows.length, longest];
  const padded = (of) => ({
    data: rows.flatMap((ids) => Array.from({ length: longest }, (_, i) => of(ids[i]))),
    shape,
  });
  const { last_hidden_state: states } = await timed(() =>
    model.run({
      input_ids: padded((id) => id ?? 0),
      attention_mask: padded((id) => (id === undefined ? 0 : 1)),
    }),
  );
  const size = states.shape[2];
  return rows.map((ids, row) => mean(states.data.subarray(row * longest * size), ids.length, size));
}

/** Of `count` vectors that lie one after the other; scaled to length 1. */
function mean(data, count, size) {
  const sum = new Float32Array(size);
  for (let i = 0; i < count * size; ++i) sum[i % size] += data[i];
  const length = Math.hypot(...sum);
  return sum.map((x) => x / length);
}

let latest = 0;
async function compare() {
  const turn = ++latest;
  const others = byId('others')
    .value.split('\n')
    .filter((line) => line.trim());
  if (!others.length) return showBars(byId('similar'), []);
  const [own, ...vectors] = await embed([byId('sentence').value, ...others]);
  if (turn !== latest) return; // more was typed meanwhile
  const cosine = (vector) => vector.reduce((sum, x, i) => sum + x * own[i], 0);
  const rows = vectors.map((vector, i) => [others[i], cosine(vector)]);
  rows.sort(([, a], [, b]) => b - a);
  showBars(
    byId('similar'),
    rows.map(([text, share]) => [text, share, share.toFixed(3)]),
  );
  tell(`Most alike: ${rows[0][0]}`);
}

byId('controls').addEventListener('input', compare);
ready(model);
await compare();
