// How models of a package end in Node, and their workers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { assetsOf, bits, fails, inputs, load, loadModel, scripted, using } from './shared.mjs';

const usual = await using({ worker: false }, async (model) => bits(await model.run(inputs())));

test('dispose and abort end what is under way', async () => {
  const model = await load();
  const calls = [model.run(inputs()), model.run(inputs()), model.selfTest(), model.reset()];
  const pending = calls.map((call) => fails(call, 'WTW407'));
  await Promise.all([model.dispose(), model.dispose()]);
  await Promise.all(pending);
  await fails(model.run(inputs()), 'WTW407');
  await model.dispose();
  const controller = new AbortController();
  await fails(load({ signal: controller.signal, onProgress: () => controller.abort() }), 'WTW405');
  await fails(load({ signal: AbortSignal.abort() }), 'WTW405');
});

test('a model ends with the block that it is used in', async () => {
  const [first, second] = await Promise.all([load(), load({ worker: false })]);
  for (const model of [first, second]) {
    await model[Symbol.asyncDispose]();
    await fails(model.run(inputs()), 'WTW407');
    model[Symbol.dispose]();
  }
});

const assets = assetsOf('sample');

test('a worker that dies is told, and the next load works', async () => {
  let worker;
  const start = () => (worker = new Worker(assets['worker.js']));
  const onProgress = () => void worker.terminate();
  await fails(loadModel(assets, start, { onProgress }), 'WTW408', 'it ended with code 1');
  await using(
    {},
    async (model) => {
      const running = [model.run(inputs()), model.run(inputs()), model.reset()].map((call) =>
        fails(call, 'WTW408', 'it ended with code 1'),
      );
      void worker.terminate();
      await Promise.all(running);
      await fails(model.run(inputs()), 'WTW408', 'it ended with code 1');
    },
    () => loadModel(assets, start),
  );
  await using({}, async (model) => assert.deepEqual(bits(await model.run(inputs())), usual));
});

test('helpers that die leave the runs to the others', async (t) => {
  const start = await scripted(
    t,
    `const threads = process.getBuiltinModule('node:worker_threads');
    const { Worker } = threads;
    const helpers = [];
    threads.Worker = class extends Worker {
      constructor(...given) {
        super(...given);
        helpers.push(this);
      }
    };
    const channel = new BroadcastChannel('helpers');
    channel.onmessage = async () => {
      await Promise.all(helpers.map((helper) => helper.terminate()));
      channel.postMessage(helpers.length);
    };`,
  );
  await using(
    { threads: 4 },
    async (model) => {
      assert.equal(model.info.threads, 4);
      const before = bits(await model.run(inputs()));
      const channel = new BroadcastChannel('helpers');
      const ended = new Promise((resolve) => (channel.onmessage = ({ data }) => resolve(data)));
      channel.postMessage('end');
      assert.equal(await ended, 3);
      channel.close();
      for (let i = 0; i < 20; ++i) assert.deepEqual(bits(await model.run(inputs())), before);
    },
    (options) => loadModel(assets, start, options),
  );
});
