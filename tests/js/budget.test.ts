// Models that run at the same moment share the cores.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Budget } from '../../js_runtime/src/budget.ts';

/** Budgets of models that may use so many cores each, and how many threads each has now. */
function models(...cores: (number | undefined)[]) {
  const threads = cores.map(() => 0);
  const budgets = cores.map((most, i) => new Budget(most, (share) => (threads[i] = share)));
  const begin = (i: number) => (budgets[i] as Budget).begin();
  const end = (i: number) => (budgets[i] as Budget).end();
  return { threads, begin, end };
}

test('those at work share all cores, also where one begins or ends in between', () => {
  const { threads, begin, end } = models(4, 4, 4);
  const seen = [
    () => begin(0),
    () => begin(1),
    () => begin(2),
    () => begin(0), // no second share
    () => end(0),
    () => end(0),
    () => end(1),
    () => end(2),
  ].map((step) => (step(), [...threads]));
  assert.deepEqual(seen, [
    [4, 0, 0],
    [2, 2, 0],
    [2, 1, 1],
    [2, 1, 1],
    [2, 2, 2], // the first is idle: what it was told last means nothing
    [2, 2, 2],
    [2, 2, 4],
    [2, 2, 4],
  ]);
});

test('one thread is the least, and those that were asked for are not shared', () => {
  const { threads, begin, end } = models(undefined, 2, 2);
  [0, 1, 2].forEach(begin);
  assert.deepEqual(threads, [32, 1, 1]);
  [0, 1, 2].forEach(end);
});
