// Progress: what is reported, and how often.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Meter } from '../../js_runtime/src/meter.ts';
import type { Progress } from '../../js_runtime/src/types.ts';

test('the rest of a download follows from its pace', async () => {
  const meter = new Meter(1000, () => {});
  assert.equal(meter.rest(), Infinity);
  await new Promise((resolve) => setTimeout(resolve, 5));
  meter.add(500);
  const half = meter.rest();
  assert.ok(half > 0 && half < Infinity);
  meter.add(500);
  assert.equal(meter.rest(), 0);
});

test('progress is reported not too often, and at the end', () => {
  const reports: number[] = [];
  const meter = new Meter(1000, ({ loaded }) => reports.push(loaded));
  for (let i = 0; i < 1000; ++i) meter.add(1);
  assert.equal(reports[0], 1);
  assert.equal(reports.at(-1), 1000);
  assert.ok(reports.length < 10);
});

test('progress tells the phase, and what the cache had', () => {
  const reports: Progress[] = [];
  const meter = new Meter(1000, (progress) => reports.push(progress));
  meter.add(400, true);
  meter.add(600);
  meter.prepare();
  assert.deepEqual(reports, [
    { phase: 'download', loaded: 400, total: 1000, cached: 400 },
    { phase: 'download', loaded: 1000, total: 1000, cached: 400 },
    { phase: 'prepare', loaded: 1000, total: 1000, cached: 400 },
  ]);
});
