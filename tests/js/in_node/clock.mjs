// Clocks that jump an hour back and forth at every look, and one that stands still: nothing waits
// for them, and all that is computed stays the same.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { assetsOf, bits, fails, folder, inputs, loadModel, scripted, using } from './shared.mjs';

const timeout = 60_000;
const usual = await using({ worker: false }, async (model) => bits(await model.run(inputs())));

/** For this thread and, as text, for a worker. */
function wrongClocks(kind) {
  const clocks = { now: [Date, Date.now], performance: [performance, performance.now] };
  let looks = 0;
  const change = kind === 'jumping' ? () => (++looks % 3) * 3_600_000 - 3_600_000 : undefined;
  for (const [object, real] of Object.values(clocks)) {
    const start = real.call(object);
    object.now = change ? () => real.call(object) + change() : () => start;
  }
  return () => {
    for (const [object, real] of Object.values(clocks)) object.now = real;
  };
}

/** Sends weights slowly, so that the program is warmed up meanwhile. */
async function slowServer(t) {
  const server = createServer(async ({ url }, response) => {
    const data = await readFile(`${folder}${url}`);
    if (!url.includes('weights-')) return void response.end(data);
    for (let at = 0; at < data.length; at += data.length >> 3) {
      response.write(data.subarray(at, at + (data.length >> 3)));
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    response.end();
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  t.after(() => server.close().closeAllConnections());
  return `http://127.0.0.1:${server.address().port}/sample`;
}

for (const kind of ['jumping', 'standing still']) {
  for (const worker of [true, false]) {
    test(`a clock that is ${kind}, with worker ${worker}`, { timeout }, async (t) => {
      const start = await scripted(t, `(${wrongClocks})('${kind}');`);
      const loop = await scripted(t, `(${wrongClocks})('${kind}');`, 'loop');
      const baseUrl = await slowServer(t);
      t.after(wrongClocks(kind));
      const reports = [];
      const onProgress = (progress) => reports.push(progress);
      const served = Object.fromEntries(
        Object.keys(assetsOf('sample')).map((file) => [file, `${baseUrl}/${file}`]),
      );
      await using(
        { worker, onProgress, ...(worker && { threads: 3 }) },
        async (model) => {
          assert.equal(model.info.threads, worker ? 3 : 1);
          for (let i = 0; i < 5; ++i) assert.deepEqual(bits(await model.run(inputs())), usual);
          const { outputs, profile } = await model.run(inputs(), { profile: true });
          assert.deepEqual(bits(outputs), usual);
          assert.ok(profile.operators.every(({ milliseconds }) => milliseconds >= 0));
          assert.ok((await model.selfTest()).passed);
        },
        (options) => loadModel(served, start, options),
      );
      assert.equal(reports.at(-1).loaded, reports.at(-1).total);
      if (!worker) return;
      await using(
        {},
        async (model) => {
          const signal = AbortSignal.timeout(300);
          const endless = model.run({ rounds: BigInt64Array.of(2n ** 52n) }, { signal });
          await fails(endless, 'WTW405');
          const { output } = await model.run({ rounds: BigInt64Array.of(3n) });
          assert.deepEqual([...output.data], [3n]);
        },
        (options) => loadModel(assetsOf('loop'), loop, options),
      );
    });
  }
}
