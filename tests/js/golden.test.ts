// Golden data: the generator against values from wasm_torch_web/verify/random.py, and comparisons.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare } from '../../js_runtime/src/compare.ts';
import { goldenError, goldenInput } from '../../js_runtime/src/golden.ts';
import type { GoldenCase, InputPort, OutputPort } from '../../js_runtime/src/manifest.ts';
import type { WireTensor } from '../../js_runtime/src/protocol.ts';
import { fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from '../../js_runtime/src/numbers.ts';
import { randomElements } from '../../js_runtime/src/random.ts';
import type { DType } from '../../js_runtime/src/types.ts';

const SEVEN = { seed: 7, low: 0, high: 1 };
const RANDOM: readonly (readonly [DType, typeof SEVEN, ArrayBufferView])[] = [
  [
    'float32',
    { ...SEVEN, low: -1 },
    Float32Array.of(
      0.8393994569778442,
      0.7873913049697876,
      0.9607808589935303,
      -0.626788854598999,
      -0.23251736164093018,
      -0.23925411701202393,
    ),
  ],
  [
    'float16',
    { seed: 7, low: -1000, high: 1000 },
    Uint16Array.of(25231, 25127, 25474, 57574, 56132, 56186),
  ],
  ['bfloat16', { ...SEVEN, high: 3 }, Uint16Array.of(16433, 16428, 16444, 16143, 16275, 16274)],
  [
    'int64',
    { seed: 0xffffffff, low: -5, high: 1000 },
    BigInt64Array.of(346n, 781n, 853n, 251n, 92n, 132n),
  ],
  ['uint8', { ...SEVEN, high: 255 }, Uint8Array.of(255, 9, 101, 234, 71, 32)],
  ['bool', SEVEN, Uint8Array.of(1, 1, 1, 0, 1, 0)],
  [
    'complex32',
    { seed: 7, low: -1000, high: 1000 },
    Uint16Array.of(25231, 25127, 25474, 57574, 56132, 56186),
  ],
  [
    'complex64',
    SEVEN,
    Float32Array.of(
      0.9196997284889221,
      0.8936956524848938,
      0.9803904294967651,
      0.1866055727005005,
      0.3837413191795349,
      0.38037294149398804,
    ),
  ],
];
for (const [dtype, random, expected] of RANDOM) {
  test(`random ${dtype} is what Python makes`, () => {
    const bytes = new Uint8Array(randomElements(dtype, 6, random));
    assert.deepEqual(bytes, new Uint8Array(expected.buffer));
  });
}

test('every float16 and bfloat16 goes to a number and back', () => {
  for (let bits = 0; bits < 65536; ++bits) {
    const half = fromFloat16(bits);
    if (!Number.isNaN(half)) assert.equal(toFloat16(half), bits);
    const brain = fromBfloat16(bits);
    if (!Number.isNaN(brain)) assert.equal(toBfloat16(brain), bits);
  }
  assert.ok(
    Number.isNaN(fromFloat16(toFloat16(NaN))) && Number.isNaN(fromBfloat16(toBfloat16(NaN))),
  );
});

test('float16 and bfloat16 round to nearest, ties to even', () => {
  assert.equal(toFloat16(1 + 2 ** -11), 0x3c00);
  assert.equal(toFloat16(1 + 3 * 2 ** -11), 0x3c02);
  assert.equal(toFloat16(2047.5 / 2048), 0x3bff + 1);
  assert.equal(toFloat16(65519), 0x7bff);
  assert.equal(toFloat16(65520), 0x7c00);
  assert.equal(toFloat16(2 ** -25), 0);
  assert.equal(toFloat16(1.5 * 2 ** -25), 1);
  assert.equal(toBfloat16(1 + 2 ** -8), 0x3f80);
  assert.equal(toBfloat16(1 + 3 * 2 ** -8), 0x3f82);
});

test('errors are relative to the largest magnitude, at least 1', () => {
  assert.deepEqual(compare([0, 0.5], [0, 0.5625], 0.1), {
    maxAbsError: 0.0625,
    maxRelError: 0.0625,
    passed: true,
  });
  assert.deepEqual(compare([0, 8], [1, 8], 0.1), {
    maxAbsError: 1,
    maxRelError: 0.125,
    passed: false,
  });
  assert.equal(compare([NaN, Infinity], [NaN, Infinity], 0).passed, true);
  assert.equal(compare([1, Infinity], [1, -Infinity], 1).passed, false);
  assert.equal(compare([NaN], [1], 1).passed, false);
  assert.equal(compare([1], [NaN], 1).passed, false);
  assert.equal(compare([1, 2], [1], 1).passed, false);
});

test('golden inputs are stored, random or numbers', () => {
  const data = Float32Array.of(1, 2, 3).buffer;
  const port: InputPort = { name: 'x', kind: 'tensor', dtype: 'float32', shape: [1] };
  const stored = goldenInput(port, { shape: [1], dtype: 'float32', offset: 4, bytes: 4 }, data);
  assert.deepEqual(stored, { bytes: new Uint8Array(Float32Array.of(2).buffer), shape: [1] });
  const random = goldenInput(port, { shape: [2], dtype: 'bool', random: SEVEN }, data);
  assert.deepEqual(random, { bytes: Uint8Array.of(1, 1), shape: [2] });
  assert.deepEqual(goldenInput({ name: 'n', kind: 'int' }, { value: -3 }, data), { integer: -3n });
  assert.deepEqual(goldenInput({ name: 'n', kind: 'bool' }, { value: true }, data), {
    integer: 1n,
  });
  assert.deepEqual(goldenInput({ name: 'n', kind: 'float' }, { value: 'inf' }, data), {
    real: Infinity,
  });
});

const PORT: OutputPort = { name: 'output', kind: 'tensor', dtype: 'float32', shape: [6] };
const SPARSE: GoldenCase['outputs'][string] = {
  shape: [6],
  dtype: 'float32',
  offset: 0,
  bytes: 8,
  every: 3,
  max: 5,
  mean: 2.5,
};
const output = (values: number[], shape = [values.length]): WireTensor => ({
  buffer: Float32Array.from(values).buffer,
  shape,
  dtype: 'float32',
});

test('a sparse golden output sees every element through maximum and mean', () => {
  const data = Float32Array.of(0, 3).buffer;
  const error = (values: number[], shape?: number[]) =>
    goldenError(PORT, SPARSE, data, output(values, shape));
  assert.deepEqual(error([0, 1, 2, 3, 4, 5]), { maxAbsError: 0, maxRelError: 0, passed: true });
  assert.equal(error([0.5, 1, 2, 3, 4, 5]).maxAbsError, 0.5);
  assert.equal(error([0, 1, 2, 3, 4, 6]).passed, false); // not among the stored
  assert.equal(error([0, 1, 2, 3, 4, 5], [2, 3]).passed, false);
  assert.equal(goldenError(PORT, SPARSE, data, 5).passed, false);
});

test('an ill-conditioned model has a tolerance of its own', () => {
  const data = Float32Array.of(0, 3).buffer;
  const passed = (tolerance: number | undefined, value: number) => {
    const entry = { ...SPARSE, ...(tolerance === undefined ? {} : { tolerance }) };
    return goldenError(PORT, entry, data, output([value, 1, 2, 3, 4, 5])).passed;
  };
  assert.equal(passed(undefined, 0.5), false);
  assert.equal(passed(0.2, 0.5), true); // 0.5 / 3
  assert.equal(passed(0.2, 0.7), false);
});

test('golden numbers are compared by kind', () => {
  const none = new ArrayBuffer(0);
  const error = (kind: 'int' | 'float', value: number, given: number) =>
    goldenError({ name: 'n', kind }, { value }, none, given).passed;
  assert.equal(error('int', 3, 3), true);
  assert.equal(error('int', 30000, 30001), false);
  assert.equal(error('float', 30000, 30001), true);
});
