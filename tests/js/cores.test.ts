// The estimate of physical cores.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { physicalCores } from '../../js_runtime/src/cores.ts';

const COUNTS = [
  [1, 1, 1],
  [2, 2, 2],
  [6, 6, 6],
  [8, 4, 8],
  [9, 5, 9],
  [32, 16, 32],
] as const;
for (const [logical, x86, arm] of COUNTS) {
  test(`${logical} logical processors are ${x86} cores on x86, ${arm} on ARM`, () => {
    assert.equal(physicalCores(logical, true), x86);
    assert.equal(physicalCores(logical, false), arm);
  });
}

test('the processor is recognised', () => {
  const expected = { x64: 4, ia32: 4, arm64: 8 }[process.arch as string];
  if (expected !== undefined) assert.equal(physicalCores(8), expected);
});
