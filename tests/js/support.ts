// What the tests share: a small manifest, and errors by their code.
import { ABI, FORMAT } from '../../build/generated/format.ts';
import assert from 'node:assert/strict';
import type { Manifest } from '../../js_runtime/src/manifest.ts';

export const HASH = 'a'.repeat(64);

/** A valid manifest: a dynamic axis, every kind of input, one output that is the same each run. */
export function sampleManifest(): Manifest {
  return {
    format: FORMAT,
    abi: ABI,
    name: '@scope/sample',
    version: '0.1.0',
    generator: { name: 'wasm-torch-web', version: '0.1.0', torch: '2.13.0' },
    verified: null,
    parameters: 3,
    symbols: [{ name: 'batch', min: 1, max: 64 }],
    programs: {
      forward: {
        inputs: [
          { name: 'x', kind: 'tensor', dtype: 'float32', shape: ['batch', 3] },
          { name: 'ids', kind: 'tensor', dtype: 'int64', shape: [2], range: [0, 9] },
          { name: 'count', kind: 'int' },
          { name: 'scale', kind: 'float' },
          { name: 'flag', kind: 'bool' },
        ],
        outputs: [
          { name: 'output', kind: 'tensor', dtype: 'float32', shape: ['2*batch + 1'] },
          { name: 'limit', kind: 'float', value: 'inf' },
          { name: 'length', kind: 'int' },
        ],
        guards: ['batch <= 64'],
      },
    },
    plan: { file: 'plan.bin', bytes: 8, sha256: HASH },
    weights: {
      bytes: 131073,
      blockBytes: 65536,
      shards: [{ file: 'weights-00.bin', bytes: 131073, sha256: [HASH, HASH, HASH] }],
      tensors: [{ name: 'w', dtype: 'float32', shape: [3], layout: 'plain', offset: 0, bytes: 12 }],
      prepared: { bytes: 0, tensors: [] },
    },
    graph: {
      values: ['x', 'y'].map((name) => ({ name, dtype: 'float32', shape: ['batch', 3] })),
      nodes: [
        {
          op: 'embedding',
          inputs: ['x', null],
          outputs: ['y'],
          module: 'encoder.0',
          source: 'model.py:7',
        },
      ],
    },
  };
}

/** Inputs that fit it. */
export const sampleInputs = () => ({
  x: { data: new Float32Array(6), shape: [2, 3] },
  ids: new BigInt64Array(2),
  count: 3,
  scale: 0.5,
  flag: true,
});

/** Asserts that `action` throws a coded error whose message contains every given part. */
export function throwsCode(action: () => unknown, slug: string, ...parts: string[]): void {
  assert.throws(action, (error: Error) => isCoded(error, slug, parts));
}

/** Waits for what comes about at its own pace. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

export async function rejectsCode(promise: Promise<unknown>, slug: string, ...parts: string[]) {
  await assert.rejects(promise, (error: Error) => isCoded(error, slug, parts));
}

function isCoded(error: Error, slug: string, parts: readonly string[]): boolean {
  assert.equal((error as { slug?: string }).slug, slug, String(error));
  for (const part of parts) assert.ok(error.message.includes(part), `${error.message}: ${part}`);
  return true;
}
