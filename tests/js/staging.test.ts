// Inputs copied into buffers that are used again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Request } from '../../js_runtime/src/protocol.ts';
import { Staging } from '../../js_runtime/src/staging.ts';

const run = (...inputs: Uint8Array[]): Request => ({
  call: 'run',
  inputs: [{ integer: 7n }, ...inputs.map((bytes) => ({ bytes, shape: [bytes.length] }))],
  keep: false,
});

test('every input is copied, each at a multiple of 16, and numbers stay', () => {
  const given = run(Uint8Array.of(1, 2, 3), new Uint8Array(0), Uint8Array.of(4));
  const { request, staged } = new Staging().taken(given);
  assert.ok(request.call === 'run' && staged);
  const [number, ...tensors] = request.inputs;
  assert.deepEqual(number, { integer: 7n });
  const views = tensors.map((input) => ('bytes' in input ? input.bytes : assert.fail()));
  assert.deepEqual(
    views.map((view) => [...view]),
    [[1, 2, 3], [], [4]],
  );
  assert.deepEqual(
    views.map((view) => view.byteOffset),
    [0, 16, 16],
  );
  assert.ok(views.every((view) => view.buffer === staged));
});

test('a buffer that came back is filled again, unless it is too small', () => {
  const staging = new Staging();
  const first = staging.taken(run(new Uint8Array(100))).staged;
  staging.back(first);
  assert.equal(staging.taken(run(new Uint8Array(40))).staged, first);
  staging.back(first);
  const larger = staging.taken(run(new Uint8Array(200))).staged;
  assert.ok(larger && larger.byteLength >= 200);
});

test('two buffers are kept', () => {
  const staging = new Staging();
  const sent = [1, 2, 3].map(() => staging.taken(run(new Uint8Array(10))).staged);
  assert.equal(new Set(sent).size, 3);
  sent.forEach((buffer) => staging.back(buffer));
  const again = [1, 2, 3].map(() => staging.taken(run(new Uint8Array(10))).staged);
  assert.equal(again.filter((buffer) => sent.includes(buffer)).length, 2);
});

test('what has no bytes needs no buffer', () => {
  const staging = new Staging();
  assert.deepEqual(staging.taken({ call: 'reset' }), {
    request: { call: 'reset' },
    staged: undefined,
    buffers: [],
  });
  assert.equal(staging.taken(run()).staged, undefined);
});

test('an empty view leaves its buffer here, shared ones too', () => {
  for (const buffer of [new ArrayBuffer(100), new SharedArrayBuffer(100)]) {
    const { request, staged } = new Staging().taken(run(new Uint8Array(buffer, 0, 0)));
    assert.equal(staged, undefined);
    const input = request.call === 'run' && request.inputs[1];
    assert.ok(input && 'bytes' in input && input.bytes.length === 0);
    assert.equal(input.bytes.buffer.byteLength, 0);
  }
});

test('of two buffers, the one that is large enough is filled', () => {
  const staging = new Staging();
  const [large, small] = [100, 10].map((size) => staging.taken(run(new Uint8Array(size))).staged);
  staging.back(large);
  staging.back(small);
  assert.equal(staging.taken(run(new Uint8Array(100))).staged, large);
  assert.equal(staging.taken(run(new Uint8Array(10))).staged, small);
});

test('small buffers make room for a large one', () => {
  const staging = new Staging();
  const small = [1, 2].map(() => staging.taken(run(new Uint8Array(10))).staged);
  small.forEach((buffer) => staging.back(buffer));
  const large = staging.taken(run(new Uint8Array(100))).staged;
  staging.back(large);
  assert.equal(staging.taken(run(new Uint8Array(100))).staged, large);
});

/** What became of the inputs, as numbers, and their buffers. */
function moved(...inputs: Uint8Array[]) {
  const { request, staged, buffers } = new Staging().taken(run(...inputs), true);
  assert.ok(request.call === 'run');
  const views = request.inputs
    .slice(1)
    .map((input) => ('bytes' in input ? input.bytes : assert.fail()));
  return { numbers: views.map((view) => [...view]), views, staged, buffers };
}

test('arrays that are the whole of their buffer move, and the caller has them no more', () => {
  const given = [Uint8Array.of(1, 2), Uint8Array.of(3)] as const;
  const { numbers, views, staged, buffers } = moved(...given);
  assert.deepEqual(numbers, [[1, 2], [3]]);
  assert.deepEqual(
    given.map(({ length, buffer }) => [length, buffer.byteLength]),
    [
      [0, 0],
      [0, 0],
    ],
  );
  assert.equal(staged, undefined);
  assert.deepEqual(
    buffers,
    views.map(({ buffer }) => buffer),
  );
});

test('one buffer for several inputs moves once, with all that lies in it', () => {
  const { buffer } = Uint8Array.of(1, 2, 3, 4);
  const inputs = [new Uint8Array(buffer, 1, 2), new Uint8Array(buffer), new Uint8Array(buffer)];
  const { numbers, buffers } = moved(...inputs);
  assert.deepEqual(numbers, [
    [2, 3],
    [1, 2, 3, 4],
    [1, 2, 3, 4],
  ]);
  assert.equal(buffers.length, 1);
  assert.equal(buffer.byteLength, 0);
});

test('parts of larger buffers and shared memory are copied', () => {
  const part = new Uint8Array(Uint8Array.of(1, 2, 3).buffer, 1, 1);
  const shared = new Uint8Array(new SharedArrayBuffer(2)).fill(7);
  const whole = Uint8Array.of(9);
  const { numbers, staged, buffers } = moved(part, shared, whole, new Uint8Array(0));
  assert.deepEqual(numbers, [[2], [7, 7], [9], []]);
  assert.deepEqual([part[0], shared[0], whole[0]], [2, 7, undefined]);
  assert.ok(staged && buffers.length === 2 && buffers.includes(staged));
});

test('what does not let itself be detached is copied', () => {
  const memory = new Uint8Array(new WebAssembly.Memory({ initial: 1 }).buffer).fill(5);
  const { numbers } = moved(memory);
  assert.equal(numbers[0]?.length, 65536);
  assert.equal(memory.length, 65536);
  assert.equal(numbers[0]?.[9], 5);
});
