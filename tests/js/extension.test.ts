// Inputs that are still being read: the order of the calls, and what callers may change meanwhile.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classes } from '../../js_runtime/src/classes.ts';
import { converting } from '../../js_runtime/src/extension.ts';
import { wtwError } from '../../js_runtime/src/errors.ts';
import type { Extension, InputValue, Model, TensorInput } from '../../js_runtime/src/types.ts';
import { rejectsCode } from './support.ts';

type Inputs = Record<string, InputValue>;

const INPUTS = [
  { name: 'x', kind: 'tensor', dtype: 'float32', shape: [1], preprocess: { kind: 'image' } },
  { name: 'y', kind: 'tensor', dtype: 'float32', shape: [1] },
];

/** A model that notes what it is run with, and gives the outputs it was told to. */
function noting(outputs: unknown = {}, outputPorts: unknown[] = []) {
  const runs: Inputs[] = [];
  const model = {
    info: { inputs: INPUTS, outputs: outputPorts },
    run: async (inputs: Inputs) => {
      runs.push(inputs);
      return outputs;
    },
  };
  return { model: model as unknown as Model, runs };
}

const tensor = (value: number): TensorInput => ({ data: Float32Array.of(value), shape: [1] });

/** Pictures are promises that the test settles. */
const slow: Extension = converting(
  'image',
  (_, value) => (value as { pixels: Promise<TensorInput> | TensorInput }).pixels,
);
const picture = (pixels: unknown) => ({ pixels }) as unknown as InputValue;

const first = (value: unknown) => (value as { data: Float32Array }).data[0];
const valueOf = (inputs: Inputs) => first(inputs.x);

test('runs are made in the order of the calls, although a picture is slow', async () => {
  const { model, runs } = noting();
  slow(model, wtwError);
  let ready = (_: TensorInput) => {};
  const one = model.run({
    x: picture(new Promise((resolve) => (ready = resolve))),
    y: tensor(0),
  });
  const two = model.run({ x: picture(tensor(2)), y: tensor(0) });
  const three = model.run({ x: tensor(3), y: tensor(0) });
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(runs.length, 0);
  ready(tensor(1));
  await Promise.all([one, two, three]);
  assert.deepEqual(runs.map(valueOf), [1, 2, 3]);
  void model.run({ x: tensor(4), y: tensor(0) }); // nothing is under way: at once
  assert.equal(runs.length, 4);
});

test('tensors beside a slow picture are those of the time of the call', async () => {
  const { model, runs } = noting();
  slow(model, wtwError);
  const [y, bare] = [Float32Array.of(7), Float32Array.of(8)];
  const later = () => picture(Promise.resolve(tensor(1)));
  const calls = [
    model.run({ x: later(), y: { data: y, shape: [1] } }),
    model.run({ x: later(), y: bare }),
  ];
  y[0] = bare[0] = 0;
  await Promise.all(calls);
  assert.equal(first(runs[0]?.y), 7);
  assert.equal((runs[1]?.y as Float32Array)[0], 8);
});

test('a picture that fails ends its own call only', async () => {
  const { model, runs } = noting();
  slow(model, wtwError);
  const error = wtwError('input-unreadable', {
    name: 'x',
    reason: 'broken',
    allowed: 'a whole one',
  });
  const broken = model.run({ x: picture(Promise.reject(error)), y: tensor(0) });
  const good = model.run({ x: tensor(5), y: tensor(0) });
  await rejectsCode(broken, 'input-unreadable', 'x: broken', 'a whole one');
  await good;
  assert.deepEqual(runs.map(valueOf), [5]);
});

test('what is ready or missing goes through as it is', async () => {
  const { model, runs } = noting();
  slow(model, wtwError);
  const ready: Inputs[] = [{ x: tensor(1) }, { x: [1] }, { x: Float32Array.of(1) }, {}, { z: 1 }];
  for (const inputs of ready) await model.run(inputs);
  assert.deepEqual(runs, ready);
});

const port = (shape: unknown, scores: string) => ({
  name: 'out',
  kind: 'tensor',
  dtype: 'float32',
  shape,
  classes: { labels: ['cat', 'dog', 'bird'], scores },
});
const logits = [1, 3, 2, 0, -1, 0.5];

type Classifier = Model & { classify(inputs: Inputs, options?: object): Promise<unknown> };
const classifier = (shape: (number | string)[], scores: string, rows: number) => {
  const data = Float32Array.from(logits.slice(0, 3 * rows));
  const out = { data, shape: [rows, 3], dtype: 'float32' };
  return classes(noting({ out }, [port(shape, scores)]).model, wtwError) as Classifier;
};

test('the best classes of one row', async () => {
  const sum = Math.exp(-2) + Math.exp(0) + Math.exp(-1);
  assert.deepEqual(await classifier([1, 3], 'softmax', 1).classify({}, { top: 2 }), [
    { label: 'dog', index: 1, score: 1 / sum },
    { label: 'bird', index: 2, score: Math.exp(-1) / sum },
  ]);
  const model = classifier([3], 'given', 1);
  const all = (await model.classify({})) as { score: number }[];
  assert.deepEqual(
    all.map(({ score }) => score),
    [3, 2, 1],
  );
  await rejectsCode(model.classify({}, { top: 0 }), 'input-scalar', 'top', '0');
});

test('a list for each row of a batch', async () => {
  const found = await classifier(['n', 3], 'sigmoid', 2).classify({}, { top: 1 });
  assert.deepEqual(found, [
    [{ label: 'dog', index: 1, score: 1 / (1 + Math.exp(-3)) }],
    [{ label: 'bird', index: 2, score: 1 / (1 + Math.exp(-0.5)) }],
  ]);
});
