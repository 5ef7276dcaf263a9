// Which inputs of a model a text fills, and with what.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tokenPorts, tokenValues } from '../../demo_site/src/input/token_ports.ts';
import type { Manifest, TensorPort } from '../../demo_site/src/package.ts';

function port(name: string, shape: (number | string)[], dtype = 'int64'): TensorPort {
  return { name, kind: 'tensor', dtype, shape } as TensorPort;
}

function roles(...inputs: TensorPort[]) {
  const symbols = [{ name: 'length', min: 1, max: 128 }];
  const found = tokenPorts({ programs: { forward: { inputs } }, symbols } as unknown as Manifest);
  if (!found) return undefined;
  const names = [...found.roles].map(([{ name }, role]) => [name, role]);
  return { most: found.most, ...Object.fromEntries(names) };
}

test('by the names of Hugging Face', () => {
  const mask = port('attention_mask', ['batch', 'length'], 'float32');
  const ids = port('input_ids', ['batch', 'length']);
  const decoder = port('decoder_input_ids', ['batch', 'other']);
  const expected = { most: 128, input_ids: 'ids', attention_mask: 'mask' };
  assert.deepEqual(roles(mask, ids, decoder), expected);
});

test('the only integers, whatever their name', () => {
  const picture = port('picture', [1, 3, 8, 8], 'float32');
  assert.deepEqual(roles(picture, port('x', [64], 'int32')), { most: 64, x: 'ids' });
});

test('not where it would be a guess', () => {
  assert.equal(roles(port('x', [1, 8]), port('y', [1, 8])), undefined);
  assert.equal(roles(port('x', [1, 8], 'float32')), undefined);
  assert.equal(roles(port('input_ids', [1, 2, 8])), undefined);
  assert.equal(roles(port('input_ids', [1, '2*length'])), undefined);
  assert.equal(roles(port('input_ids', [1, 8]), port('attention_mask', [1, 9])), undefined);
});

test('each row is the text and its padding', () => {
  const values = (role: Parameters<typeof tokenValues>[0]) =>
    tokenValues(role, [5, 6, 7], 9, [2, 4]).data;
  assert.deepEqual(values('ids'), [5, 6, 7, 9, 5, 6, 7, 9]);
  assert.deepEqual(values('mask'), [1, 1, 1, 0, 1, 1, 1, 0]);
  assert.deepEqual(values('types'), Array(8).fill(0));
  assert.deepEqual(values('positions'), [0, 1, 2, 3, 0, 1, 2, 3]);
});
