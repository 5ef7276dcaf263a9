// The object that users hold, on a backend that the test plays.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Backend } from '../../js_runtime/src/backend.ts';
import { createModel } from '../../js_runtime/src/model.ts';
import type { Summary } from '../../js_runtime/src/protocol.ts';
import { rejectsCode, sampleInputs, sampleManifest } from './support.ts';

function started(call: Backend['call'] = async () => null as never) {
  const { name, version, parameters, programs } = sampleManifest();
  const memory = { weights: 0, arena: 0, total: 0 };
  const ends = { begun: 0, done: 0 };
  const backend: Backend = {
    memory,
    summary: {
      manifest: { name, version, parameters, programs },
      memory,
      hasState: true,
      variant: 'simd128-single',
      threads: 1,
      why: [],
    } satisfies Summary,
    call,
    end: async () => {
      ++ends.begun;
      await new Promise((resolve) => setTimeout(resolve, 10));
      ++ends.done;
    },
  };
  return { model: createModel(backend, {}), ends };
}

test('a model is disposed of once, however often that is asked for', async () => {
  const { model, ends } = started();
  const first = model.dispose();
  await model.dispose(); // waits for the end as well
  assert.deepEqual(ends, { begun: 1, done: 1 });
  await first;
  await rejectsCode(model.reset(), 'disposed');
  await rejectsCode(model.run({}), 'input-missing'); // mistakes come first
});

test('await using waits for the end, using does not', async () => {
  const [waited, left] = [started(), started()];
  {
    await using model = waited.model;
    assert.equal(await model.reset(), undefined);
  }
  assert.deepEqual(waited.ends, { begun: 1, done: 1 });
  {
    using model = left.model;
    assert.equal(await model.reset(), undefined);
  }
  assert.deepEqual(left.ends, { begun: 1, done: 0 });
});

test('runs and profiles say what fits them, and other calls take what comes', async () => {
  const good = [{ buffer: new ArrayBuffer(12), shape: [3], dtype: 'float32' }, 7];
  const seen: unknown[] = [];
  const { model } = started(async (name, _request, _options, fits = () => true) => {
    const wrap = (outputs: unknown) => (name === 'profile' ? { outputs } : outputs);
    seen.push([name, fits(wrap(good)), fits(wrap([])), fits(null)]);
    return wrap(good) as never;
  });
  await model.run(sampleInputs());
  await model.run(sampleInputs(), { profile: true });
  await model.reset();
  assert.deepEqual(seen, [
    ['run', true, false, false],
    ['profile', true, false, false],
    ['reset', true, true, true],
  ]);
});
