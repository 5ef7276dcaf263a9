// What run() takes and gives: conversions, and the error of each mistake.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toElements } from '../../js_runtime/src/elements.ts';
import { isAnswer, outputsOf, wireInputs } from '../../js_runtime/src/tensors.ts';
import type { DType, InputData, InputValue } from '../../js_runtime/src/types.ts';
import { sampleInputs, sampleManifest, throwsCode } from './support.ts';

const { forward } = sampleManifest().programs;
const GOOD = sampleInputs();
const wire = (changes: object) => () =>
  wireInputs(forward, { ...GOOD, ...changes } as Record<string, InputValue>);

test('inputs come out in the order of the plan', () => {
  assert.deepEqual(wire({})(), [
    { bytes: new Uint8Array(24), shape: [2, 3] },
    { bytes: new Uint8Array(16), shape: [2] },
    { integer: 3n },
    { real: 0.5 },
    { integer: 1n },
  ]);
  assert.deepEqual(wire({ count: 2n ** 62n })()[2], { integer: 2n ** 62n });
});

test('bytes are views of the data where it lies inside a larger buffer', () => {
  const all = Float32Array.of(9, 1, 2, 3, 9);
  const [x] = wire({ x: { data: all.subarray(1, 4), shape: [1, 3] } })();
  assert.deepEqual(x, { bytes: new Uint8Array(all.buffer, 4, 12), shape: [1, 3] });
});

test('what every object has is no input', () => {
  const named = { ...forward.inputs[0], name: 'constructor' } as (typeof forward.inputs)[number];
  throwsCode(
    () => wireInputs({ ...forward, inputs: [named] }, {}),
    'input-missing',
    'input constructor is missing',
  );
});

test('mistakes are named', () => {
  throwsCode(
    wire({ x: undefined }),
    'input-missing',
    'input x is missing',
    'x, ids, count, scale, flag',
  );
  throwsCode(() => wireInputs(forward, undefined as never), 'input-missing', 'x');
  throwsCode(wire({ y: 1 }), 'input-unknown', 'no input y', 'x, ids');
  throwsCode(wire({ x: 5 }), 'input-dtype', 'number', 'float32');
  throwsCode(wire({ x: {} }), 'input-dtype', 'without data');
  throwsCode(
    wire({ x: { data: new Float64Array(3), shape: [1, 3] } }),
    'input-dtype',
    'Float64Array',
    'float32 (Float32Array)',
  );
  throwsCode(
    wire({ x: { data: new Float32Array(3), shape: [1, 3], dtype: 'int32' } }),
    'input-dtype',
    'int32',
  );
  throwsCode(wire({ x: new Float32Array(3) }), 'input-shape', 'bare array', '[batch, 3]');
  throwsCode(
    wire({ x: { data: new Float32Array(4), shape: [1, 4] } }),
    'input-shape',
    '[1, 4]',
    '[batch, 3]',
  );
  throwsCode(wire({ x: { data: new Float32Array(3), shape: [3] } }), 'input-shape', '[3]');
  throwsCode(wire({ x: { data: new Float32Array(3), shape: [-1, 3] } }), 'input-shape', '[-1, 3]');
  throwsCode(wire({ x: { data: new Float32Array(3) } }), 'input-shape', 'undefined');
  throwsCode(
    wire({ x: { data: new Float32Array(4), shape: [1, 3] } }),
    'input-size',
    '4 elements',
    '[1, 3]',
    'needs 3',
  );
  throwsCode(wire({ count: 1.5 }), 'input-scalar', 'count', 'int', 'number 1.5');
  throwsCode(wire({ count: 2n ** 63n }), 'input-scalar', 'count');
  throwsCode(wire({ scale: '1' }), 'input-scalar', 'scale', 'string 1');
  throwsCode(wire({ flag: 1 }), 'input-scalar', 'flag', 'bool');
});

type Taken = readonly [DType, InputData, ArrayBufferView];
const TAKEN: readonly Taken[] = [
  ['float32', [1, 0.1], Float32Array.of(1, 0.1)],
  ['float64', [0.1], Float64Array.of(0.1)],
  ['float16', Uint16Array.of(0x3c00), Uint16Array.of(0x3c00)],
  ['int64', [1, -2], BigInt64Array.of(1n, -2n)],
  ['int64', [1n], BigInt64Array.of(1n)],
  ['int64', Int32Array.of(-5), BigInt64Array.of(-5n)],
  ['int8', [-128, 127], Int8Array.of(-128, 127)],
  ['uint8', Uint8ClampedArray.of(255), Uint8ClampedArray.of(255)],
  ['bool', [true, false], Uint8Array.of(1, 0)],
  ['bool', Uint8Array.of(0, 7), Uint8Array.of(0, 1)],
  ['complex64', Float32Array.of(1, 2), Float32Array.of(1, 2)],
  ['complex128', [1, 0.1], Float64Array.of(1, 0.1)],
  ['complex32', Uint16Array.of(0x3c00, 0), Uint16Array.of(0x3c00, 0)],
];
for (const [dtype, data, elements] of TAKEN) {
  test(`${dtype} takes ${Object.prototype.toString.call(data)} ${data}`, () => {
    assert.deepEqual(toElements({ name: 'x', dtype }, data), elements);
  });
}

const REFUSED: readonly (readonly [DType, unknown, string])[] = [
  ['int64', [1.5], 'number 1.5 as element 0'],
  ['int64', [2 ** 53], 'number 9007199254740992'],
  ['int64', [2n ** 63n], 'bigint'],
  ['uint8', [1, 256], 'number 256 as element 1'],
  ['int32', [2 ** 31], 'number 2147483648'],
  ['float32', ['1'], 'string 1'],
  ['float32', [, 1], 'undefined'],
  ['float16', [1], 'Array'],
  ['bfloat16', new Float32Array(1), 'Float32Array'],
  ['complex32', [1, 0], 'Array'],
  ['complex128', new Float32Array(2), 'Float32Array'],
  ['bool', new Float32Array(1), 'Float32Array'],
  ['int64', new Float32Array(1), 'Float32Array'],
  ['float32', new DataView(new ArrayBuffer(4)), 'DataView'],
];
for (const [dtype, data, given] of REFUSED) {
  test(`${dtype} refuses ${given}`, () => {
    throwsCode(
      () => toElements({ name: 'x', dtype }, data as InputData),
      'input-dtype',
      given,
      dtype,
    );
  });
}

test('outputs get their names, fixed ones in their places', () => {
  const buffer = Float32Array.of(1, 2, 3).buffer;
  const outputs = outputsOf(forward, [{ buffer, shape: [3], dtype: 'float32' }, 7]);
  assert.deepEqual(outputs, {
    output: { data: Float32Array.of(1, 2, 3), shape: [3], dtype: 'float32' },
    limit: Infinity,
    length: 7,
  });
});

test('an answer is what the ports of the manifest say, no more and no less', () => {
  const output = { buffer: new ArrayBuffer(12), shape: [3], dtype: 'float32' };
  const answers = (...wire: unknown[]) => isAnswer(forward, wire);
  assert.ok(answers(output, 7));
  for (const wire of [undefined, null, 7, 'ab', { 0: output, 1: 7, length: 2 }]) {
    assert.ok(!isAnswer(forward, wire));
  }
  assert.ok(!answers() && !answers(output) && !answers(output, 7, 7) && !answers(7, output));
  for (const length of [undefined, true, '7', 7n]) assert.ok(!answers(output, length));
  const { buffer: _, ...without } = output;
  const wrong = [{ dtype: 'int32' }, { shape: [4] }, { shape: 3 }, { buffer: new ArrayBuffer(11) }];
  const others = wrong.map((change) => ({ ...output, ...change }));
  for (const other of [undefined, null, {}, without, ...others]) assert.ok(!answers(other, 7));
});
