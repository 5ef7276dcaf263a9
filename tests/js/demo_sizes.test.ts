// Sizes as the demo page reads them from a manifest.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shapeFor, symbolsOf } from '../../demo_site/src/sizes.ts';

const sizes = new Map([
  ['T', 7],
  ['batch', 2],
]);

test('numbers, symbols and sums of products', () => {
  const shape = ['batch', 3, '2*T + 1', 'T - 1', '(T + 1)*(batch - 4)', 'T//2', '-T + 10'];
  assert.deepEqual(shapeFor(shape, sizes), [2, 3, 15, 6, -16, 3, 3]);
  assert.deepEqual(shapeFor([], sizes), []);
});

test('the symbols of a shape', () => {
  assert.deepEqual(symbolsOf(['batch', 3, '2*T + batch_2']), ['batch', 'T', 'batch_2']);
});

test('anything else is refused, not run', () => {
  for (const text of ['', 'T +', '(T', 'T T', 'other', 'T**2', 'alert(1)', '1.5']) {
    assert.throws(() => shapeFor([text], sizes), /beyond this page/, text);
  }
});
