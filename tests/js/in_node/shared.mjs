// The packages that test_in_node.py names the folder of, and what the tests do with them.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';

export const folder = process.env.PACKAGES;
export const entry = (name) => pathToFileURL(`${folder}/${name}/index.node.js`).href;
export const { load, isWtwError, diagnose } = await import(entry('sample'));
export const { load: loadCounter } = await import(entry('counter'));
export const { load: loadDice } = await import(entry('dice'));
export const { load: loadLoop } = await import(entry('loop'));
export const { load: loadTally } = await import(entry('tally'));

export const wave = (n) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * 12.9898));
export const inputs = (batch = 2) => ({
  x: { data: wave(batch * 64), shape: [batch, 64] },
  ids: { data: Array(batch).fill(3), shape: [batch] },
});
export const bits = ({ logits, energy }) =>
  [logits, energy].map(({ data }) => Buffer.from(data.buffer).toString('hex'));

export async function using(options, work, start = load) {
  const model = await start(options);
  try {
    return await work(model);
  } finally {
    await model.dispose();
  }
}

export const fails = async (promise, code, ...parts) =>
  assert.rejects(promise, (error) => {
    assert.ok(isWtwError(error), String(error));
    assert.equal(error.code, code, error.message);
    for (const part of parts) assert.ok(error.message.includes(part), error.message);
    return true;
  });

export const { loadModel } = await import(pathToFileURL(`${folder}/sample/loader.node.js`).href);
export const { load: loadWide } = await import(entry('wide'));

/** The files of a package, as its index.js lists them. */
export const assetsOf = (name) =>
  Object.fromEntries(
    ['model.json', 'plan.bin', 'weights-00.bin', 'golden.bin', 'worker.js']
      .concat(
        ['relaxed', 'simd128'].flatMap((simd) => [
          `runtime-${simd}-threads.wasm`,
          `runtime-${simd}-single.wasm`,
        ]),
      )
      .map((file) => [file, pathToFileURL(`${folder}/${name}/${file}`)]),
  );

/** What starts the worker of a package after a script of the test's; in a file that is gone when
 * the test `t` is over. */
export async function scripted(t, script, name = 'sample') {
  const directory = await mkdtemp(join(tmpdir(), 'wtw-'));
  t.after(() => rm(directory, { recursive: true }));
  const path = join(directory, 'worker.mjs');
  const worker = JSON.stringify(assetsOf(name)['worker.js'].href);
  await writeFile(path, `${script}\nawait import(${worker});`);
  return () => new Worker(path);
}

/** Timers of this process from now on run so many times as fast as they say; gives what ends it. */
export function hurry(haste) {
  const { setTimeout } = globalThis;
  globalThis.setTimeout = (call, ms, ...rest) => setTimeout(call, ms / haste, ...rest);
  return () => (globalThis.setTimeout = setTimeout);
}
