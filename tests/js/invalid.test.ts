// Numbers that are none, in inputs of every dtype.
import { test } from 'node:test';
import { dtypeRow } from '../../js_runtime/src/dtypes.ts';
import type { Program } from '../../js_runtime/src/manifest.ts';
import { toBfloat16, toFloat16 } from '../../js_runtime/src/numbers.ts';
import { wireInputs } from '../../js_runtime/src/tensors.ts';
import type { DType, InputValue } from '../../js_runtime/src/types.ts';
import { throwsCode } from './support.ts';

const program = (port: object) => ({ inputs: [{ name: 'x', ...port }] }) as unknown as Program;
const tensor = (dtype: DType, shape: readonly number[]) =>
  program({ kind: 'tensor', dtype, shape: shape.map(() => 'n') });
const taken = (program: Program, value: InputValue, onInvalid?: 'allow' | 'error') =>
  wireInputs(program, { x: value }, onInvalid);

const KINDS: readonly (readonly [DType, (x: number) => number, largest: number])[] = [
  ['float32', Number, 3.4028234663852886e38],
  ['float64', Number, Number.MAX_VALUE],
  ['float16', toFloat16, 65504],
  ['bfloat16', toBfloat16, 3.3895313892515355e38],
];
const SHAPE = [2, 1, 3];
for (const [dtype, stored, largest] of KINDS) {
  test(`the first NaN or infinity of ${dtype} is named`, () => {
    const numbers = [largest, -largest, 0, -0, 5e-324, 1].map(stored);
    const array = dtypeRow(dtype).array as unknown as { from(x: readonly number[]): never };
    const ports = tensor(dtype, SHAPE);
    const given = (data: readonly number[]) => ({ data: array.from(data), shape: SHAPE });
    taken(ports, given(numbers), 'error');
    for (const value of [NaN, Infinity, -Infinity]) {
      const wrong = [...numbers.slice(0, 4), stored(value), stored(NaN)];
      taken(ports, given(wrong));
      taken(ports, given(wrong), 'allow');
      const text = `input x has ${value} at [1, 0, 1]`;
      throwsCode(() => taken(ports, given(wrong), 'error'), 'input-not-finite', text);
    }
  });
}

test('of complex numbers an element has two parts', () => {
  const data = Float32Array.of(0, 0, 0, 0, 0, 0, 0, -Infinity);
  const refused = () => taken(tensor('complex64', [4]), { data, shape: [4] }, 'error');
  throwsCode(refused, 'input-not-finite', 'input x has -Infinity at [3]');
  const halves = Uint16Array.of(0, 0, 0x7e00, 0);
  const half = () => taken(tensor('complex32', [2]), { data: halves, shape: [2] }, 'error');
  throwsCode(half, 'input-not-finite', 'input x has NaN at [1]');
});

test('numbers and bare lists are looked at, empty tensors and integers are all right', () => {
  taken(program({ kind: 'float' }), NaN);
  const scalar = () => taken(program({ kind: 'float' }), NaN, 'error');
  throwsCode(scalar, 'input-not-finite', 'input x has NaN at []');
  const list = () => taken(tensor('float32', [2]), { data: [1, 1e39], shape: [2] }, 'error');
  throwsCode(list, 'input-not-finite', 'input x has Infinity at [1]');
  const none = { data: new Float32Array(), shape: [0, 3] };
  taken(tensor('float32', [0, 3]), none, 'error');
  const bits = BigInt64Array.of(0x7ff8000000000000n);
  taken(tensor('int64', [1]), { data: bits, shape: [1] }, 'error');
});
