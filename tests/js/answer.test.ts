// What a trap leaves behind: a model that says so, and nothing else any more.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answering } from '../../js_runtime/src/answer.ts';
import type { Engine } from '../../js_runtime/src/engine.ts';
import type { Opened } from '../../js_runtime/src/open.ts';
import { rejectsCode } from './support.ts';

const RUN = { call: 'run', inputs: [], keep: false, threads: 1 } as const;

test('after a trap every call fails with its reason', async () => {
  let calls = 0;
  const run = () => {
    ++calls;
    throw new WebAssembly.RuntimeError('unreachable');
  };
  const answer = answering({ engine: { run } as unknown as Engine } as Opened);
  for (const request of [RUN, RUN, { call: 'selfTest' } as const]) {
    await rejectsCode(answer(request), 'worker-died', 'RuntimeError: unreachable');
  }
  assert.equal(calls, 1); // the instance is never used again
});
