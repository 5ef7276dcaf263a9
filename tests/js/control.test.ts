// Two sides of the same words.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Control } from '../../js_runtime/src/control.ts';

test('the worker sees what the other side wants by now', () => {
  const caller = new Control();
  const worker = new Control(caller.words);
  assert.deepEqual([worker.threads, worker.stopped], [32, false]);
  caller.threads = 3;
  caller.stop(7);
  const seen = worker.during(7, () => [worker.threads, worker.stopped]);
  assert.deepEqual(seen, [3, true]);
  assert.equal(worker.stopped, false); // nothing is under way any more
  assert.equal(
    worker.during(8, () => worker.stopped),
    false,
  );
});

test('a call that fails is over, too', () => {
  const control = new Control();
  control.stop(1);
  assert.throws(() => control.during(1, () => assert.fail('x')), /x/);
  assert.equal(control.stopped, false);
});
