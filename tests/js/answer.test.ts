// What a trap leaves behind: a model that says so, and nothing else any more.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answering } from '../../js_runtime/src/answer.ts';
import type { Engine } from '../../js_runtime/src/engine.ts';
import { Instance, Trap } from '../../js_runtime/src/instance.ts';
import type { Opened } from '../../js_runtime/src/open.ts';
import { rejectsCode } from './support.ts';

const RUN = { call: 'run', inputs: [], keep: false } as const;

test('after a trap every call fails with its reason', async () => {
  let calls = 0;
  const run = () => {
    ++calls;
    throw new Trap(new WebAssembly.RuntimeError('unreachable'));
  };
  const answer = answering({ engine: { run } as unknown as Engine } as Opened);
  for (const request of [RUN, RUN, { call: 'selfTest' } as const]) {
    await rejectsCode(answer(request), 'worker-died', 'RuntimeError: unreachable');
  }
  assert.equal(calls, 1); // the instance is never used again
});

// (module (import "env" "memory" (memory 1)) (func (export "_initialize"))
//   (func (export "wtw_helpers") (result i32) call 1))
const ENDLESS = Uint8Array.of(
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...[1, 8, 2, 0x60, 0, 0, 0x60, 0, 1, 0x7f],
  ...[2, 15, 1, 3, 0x65, 0x6e, 0x76, 6, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79, 2, 0, 1],
  ...[3, 3, 2, 0, 1],
  ...[7, 29, 2, 11, ...text('_initialize'), 0, 0, 11, ...text('wtw_helpers'), 0, 1],
  ...[10, 9, 2, 2, 0, 0x0b, 4, 0, 0x10, 1, 0x0b],
);

function text(name: string): number[] {
  return Array.from(name, (letter) => letter.charCodeAt(0));
}

test('a stack that is full is a trap, whatever the engine throws for it', () => {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const { runtime } = new Instance(new WebAssembly.Module(ENDLESS), memory);
  assert.throws(
    () => runtime.wtw_helpers(),
    (error) => error instanceof Trap && error.cause instanceof RangeError,
  );
});
