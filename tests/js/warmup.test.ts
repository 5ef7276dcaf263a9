// Runs on weights that are not there yet: when they happen, and that they leave nothing behind.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Engine } from '../../js_runtime/src/engine.ts';
import { wtwError } from '../../js_runtime/src/errors.ts';
import type { Fetcher } from '../../js_runtime/src/fetching.ts';
import type { Instance } from '../../js_runtime/src/instance.ts';
import { Trap } from '../../js_runtime/src/instance.ts';
import { loadModel } from '../../js_runtime/src/loading.ts';
import type { Manifest } from '../../js_runtime/src/manifest.ts';
import type { Meter } from '../../js_runtime/src/meter.ts';
import type { WireInput } from '../../js_runtime/src/protocol.ts';
import { warmUp } from '../../js_runtime/src/warmup.ts';
import { HASH, sampleManifest } from './support.ts';

const example = {
  x: { dtype: 'float32', shape: [2, 3], random: { seed: 0, low: 0, high: 1 } },
  ids: { dtype: 'int64', shape: [2], offset: 0, bytes: 16 },
  count: { value: 3 },
  scale: { value: 'inf' },
  flag: { value: true },
} as const;

function manifest(golden = true): Manifest {
  const cases = [{ inputs: example, outputs: {} }];
  const entry = golden ? { file: 'golden.bin', bytes: 64, sha256: HASH, cases } : null;
  return { ...sampleManifest(), golden: entry } as unknown as Manifest;
}

/** An engine of `nodes` nodes that take so long each; counts passes and steps. */
function engineOf(nodes: number, milliseconds: number, fail?: () => never) {
  const seen = { passes: [] as (readonly WireInput[])[], steps: 0 };
  function* steps(inputs: readonly WireInput[]) {
    seen.passes.push(inputs);
    for (let i = 0; i < nodes; ++i) {
      ++seen.steps;
      fail?.();
      yield { milliseconds };
    }
  }
  return { seen, engine: { steps } as unknown as Engine };
}

test('runs twice on zeros of the golden sizes', async () => {
  const { seen, engine } = engineOf(3, 0.1);
  await warmUp(engine, manifest(), async () => assert.fail('shorter than a slice'));
  assert.equal(seen.steps, 6);
  assert.deepEqual(seen.passes[0], [
    { bytes: new Uint8Array(24), shape: [2, 3] },
    { bytes: new Uint8Array(16), shape: [2] },
    { integer: 0n },
    { real: 0 },
    { integer: 0n },
  ]);
});

test('stops between two slices', async () => {
  const { seen, engine } = engineOf(10, 100);
  let asked = 0;
  await warmUp(engine, manifest(), async () => ++asked < 3);
  assert.deepEqual([seen.steps, asked], [3, 3]);
});

test('does nothing without an example', async () => {
  const { seen, engine } = engineOf(3, 1);
  await warmUp(engine, manifest(false), async () => true);
  assert.equal(seen.steps, 0);
});

test('zeros that the model refuses are no error, traps are', async () => {
  const refused = engineOf(3, 1, () => {
    throw wtwError('index-out-of-range', {});
  });
  await warmUp(refused.engine, manifest(), async () => true);
  assert.equal(refused.seen.steps, 1);
  const trapped = engineOf(3, 1, () => {
    throw new Trap(new WebAssembly.RuntimeError('unreachable'));
  });
  await assert.rejects(
    warmUp(trapped.engine, manifest(), async () => true),
    Trap,
  );
});

const CODES = ['wtw_described', 'wtw_bind', 'wtw_run', 'wtw_peek']; // 0 is success; other calls give addresses

/** The runtime's calls while a model loads whose weights take `milliseconds`, `rest` to come. */
async function callsOf(milliseconds: number, rest: number, warms = true): Promise<string[]> {
  const calls: string[] = [];
  const runtime = new Proxy({} as Record<string, unknown>, {
    get: (_, name) => {
      return () => {
        calls.push(String(name));
        return CODES.includes(String(name)) ? 0 : 64;
      };
    },
  });
  const buffer = new ArrayBuffer(4096);
  const instance = {
    runtime,
    alloc: () => 64,
    bytes: (_: number, length: number) => new Uint8Array(buffer, 0, Math.min(length, 4096)),
    view: (_: number, length: number) => new DataView(buffer, 0, length),
  };
  const fetcher = {
    file: async () => new Uint8Array(8),
    weights: async () => {
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
      calls.push('weights');
    },
  };
  const parts = [
    instance as unknown as Instance,
    manifest(),
    fetcher as unknown as Fetcher,
  ] as const;
  const meter = { rest: () => rest, prepare: () => {} } as unknown as Meter;
  await loadModel(...parts, async () => HASH, meter, warms);
  return calls;
}

test('a long download is used, in a model of its own that is gone before the real one', async () => {
  const calls = await callsOf(400, 5000);
  assert.deepEqual(calls.slice(0, 2), ['wtw_model_new', 'wtw_session_new']);
  assert.ok(calls.includes('wtw_run'));
  const [freed, session, model] = ['wtw_model_free', 'wtw_session_free', 'wtw_model_new'].map(
    (name) => calls.lastIndexOf(name),
  );
  assert.ok((session as number) < (freed as number) && (freed as number) < (model as number));
  assert.ok(calls.indexOf('weights') < (model as number));
});

test('a download that ends soon is waited for', async () => {
  assert.deepEqual(await callsOf(100, 80), ['weights', 'wtw_model_new']);
  assert.deepEqual(await callsOf(0, 5000), ['weights', 'wtw_model_new']);
});

test('the thread of the page itself runs nothing while it loads', async () => {
  assert.deepEqual(await callsOf(100, 5000, false), ['weights', 'wtw_model_new']);
});
