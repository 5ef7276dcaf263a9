// The packages that test_in_node.py names the folder of, and what the tests do with them.
import assert from 'node:assert/strict';
import { pathToFileURL } from 'node:url';

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
