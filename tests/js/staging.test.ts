// Inputs copied into buffers that are used again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Request } from '../../js_runtime/src/protocol.ts';
import { Staging } from '../../js_runtime/src/staging.ts';

const run = (...inputs: Uint8Array[]): Request => ({
  call: 'run',
  inputs: [{ integer: 7n }, ...inputs.map((bytes) => ({ bytes, shape: [bytes.length] }))],
  keep: false,
  threads: 1,
});

test('every input is copied, each at a multiple of 16, and numbers stay', () => {
  const given = run(Uint8Array.of(1, 2, 3), new Uint8Array(0), Uint8Array.of(4));
  const { request, staged } = new Staging().copied(given);
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
  const first = staging.copied(run(new Uint8Array(100))).staged;
  staging.back(first);
  assert.equal(staging.copied(run(new Uint8Array(40))).staged, first);
  staging.back(first);
  const larger = staging.copied(run(new Uint8Array(200))).staged;
  assert.ok(larger && larger.byteLength >= 200);
});

test('two buffers are kept', () => {
  const staging = new Staging();
  const sent = [1, 2, 3].map(() => staging.copied(run(new Uint8Array(10))).staged);
  assert.equal(new Set(sent).size, 3);
  sent.forEach((buffer) => staging.back(buffer));
  const again = [1, 2, 3].map(() => staging.copied(run(new Uint8Array(10))).staged);
  assert.equal(again.filter((buffer) => sent.includes(buffer)).length, 2);
});

test('what has no bytes needs no buffer', () => {
  const staging = new Staging();
  assert.deepEqual(staging.copied({ call: 'reset' }), {
    request: { call: 'reset' },
    staged: undefined,
  });
  assert.equal(staging.copied(run()).staged, undefined);
});

test('an empty view leaves its buffer here, shared ones too', () => {
  for (const buffer of [new ArrayBuffer(100), new SharedArrayBuffer(100)]) {
    const { request, staged } = new Staging().copied(run(new Uint8Array(buffer, 0, 0)));
    assert.equal(staged, undefined);
    const input = request.call === 'run' && request.inputs[1];
    assert.ok(input && 'bytes' in input && input.bytes.length === 0);
    assert.equal(input.bytes.buffer.byteLength, 0);
  }
});

test('of two buffers, the one that is large enough is filled', () => {
  const staging = new Staging();
  const [large, small] = [100, 10].map((size) => staging.copied(run(new Uint8Array(size))).staged);
  staging.back(large);
  staging.back(small);
  assert.equal(staging.copied(run(new Uint8Array(100))).staged, large);
  assert.equal(staging.copied(run(new Uint8Array(10))).staged, small);
});

test('small buffers make room for a large one', () => {
  const staging = new Staging();
  const small = [1, 2].map(() => staging.copied(run(new Uint8Array(10))).staged);
  small.forEach((buffer) => staging.back(buffer));
  const large = staging.copied(run(new Uint8Array(100))).staged;
  staging.back(large);
  assert.equal(staging.copied(run(new Uint8Array(100))).staged, large);
});
