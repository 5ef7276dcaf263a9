// Workers that do not start, or stop answering: where nothing can be told of them, whoever waits may
// go.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { assetsOf, bits, fails, hurry, inputs, loadModel, scripted, using } from './shared.mjs';

const timeout = 30_000;
const assets = assetsOf('sample');
const usual = await using({ worker: false }, async (model) => bits(await model.run(inputs())));

const PORT = `const { parentPort } = process.getBuiltinModule('node:worker_threads');`;
/** Runs into an endless loop at a message of this kind. */
const deafAt = (kind) =>
  `${PORT} const { on } = parentPort;
  parentPort.on = (name, received) =>
    on.call(parentPort, name, (message) => {
      if (message.kind === '${kind}') for (;;);
      received(message);
    });`;
/** The same, behind the first message that it sends itself. */
const ONCE_ALIVE = `${PORT} const { postMessage } = parentPort;
  parentPort.postMessage = (...given) => { postMessage.apply(parentPort, given); for (;;); };`;

const NEVER = {
  'throws where it is started': () => () => {
    throw new Error('no more workers');
  },
  'is no script': (t) => scripted(t, 'what is this?'),
  'throws at its first line': (t) => scripted(t, `throw new Error('not today');`),
  'ends at once': (t) => scripted(t, 'process.exit(3);'),
  'says nothing for 20 s': (t) => {
    t.after(hurry(50)); // in 0.4 s
    return scripted(t, deafAt('model'));
  },
};
const WHY = {
  'throws where it is started': 'no more workers',
  'is no script': 'SyntaxError',
  'throws at its first line': 'not today',
  'ends at once': 'code 3',
  'says nothing for 20 s': 'nothing came of it for 20 s',
};
for (const [what, startOf] of Object.entries(NEVER)) {
  test(`the model runs on the calling thread where a worker ${what}`, { timeout }, async (t) => {
    const start = await startOf(t);
    await using(
      {},
      async (model) => {
        assert.match(model.info.why, /^WTW403/);
        assert.ok(model.info.why.includes(WHY[what]), model.info.why);
        assert.deepEqual(bits(await model.run(inputs())), usual);
      },
      (options) => loadModel(assets, start, options),
    );
  });
}

test('a worker that hangs while it loads is left by an abort', { timeout }, async (t) => {
  const start = await scripted(t, ONCE_ALIVE);
  const signal = AbortSignal.timeout(500);
  await fails(loadModel(assets, start, { signal }), 'WTW405');
  await using({}, async (model) => assert.deepEqual(bits(await model.run(inputs())), usual));
});

test('a worker that hangs in a run is left by an abort, and by dispose', { timeout }, async (t) => {
  const start = await scripted(t, deafAt('call'));
  const model = await loadModel(assets, start);
  const controller = new AbortController();
  const { signal } = controller;
  const aborted = [model.run(inputs(), { signal }), model.run(inputs(), { signal })];
  const left = [model.run(inputs()), model.selfTest(), model.reset()];
  const pending = left.map((call) => fails(call, 'WTW407'));
  await pause(100); // it has begun to hang
  controller.abort();
  for (const call of aborted) await fails(call, 'WTW405');
  await model.dispose();
  await Promise.all(pending);
  await fails(model.run(inputs()), 'WTW407');
  await using({}, async (next) => assert.deepEqual(bits(await next.run(inputs())), usual));
});
