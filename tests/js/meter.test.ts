// Progress: what is reported, and how often.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Meter } from '../../js_runtime/src/meter.ts';
import type { Progress } from '../../js_runtime/src/types.ts';

/** A clock that the test moves on. */
function clockOf({ mock }: TestContext): { now: number } {
  const clock = { now: 7 };
  mock.method(performance, 'now', () => clock.now);
  return clock;
}

test('the rest of a download follows from its pace', (t) => {
  const clock = clockOf(t);
  const meter = new Meter(1000, () => {});
  assert.equal(meter.rest(), Infinity);
  clock.now += 30;
  meter.add(750);
  assert.equal(meter.rest(), 10);
  meter.add(250);
  assert.equal(meter.rest(), 0);
});

test('progress is reported not too often, and at the end', (t) => {
  const clock = clockOf(t);
  const reports: number[] = [];
  const meter = new Meter(100, ({ loaded }) => reports.push(loaded));
  for (let i = 0; i < 100; ++i) {
    clock.now += 2;
    meter.add(1);
  }
  assert.deepEqual(reports, [1, 26, 51, 76, 100]);
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
