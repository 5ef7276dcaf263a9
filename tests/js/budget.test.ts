// Models that run at the same moment share the cores.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Budget } from '../../js_runtime/src/budget.ts';

/** A call that lasts until it is ended; says how many threads it was given. */
async function running(budget: Budget) {
  let end = () => {};
  let threads = 0;
  const done = budget.use((given) => {
    threads = given;
    return new Promise<void>((resolve) => (end = resolve));
  });
  return { threads, end: () => (end(), done) };
}

test('a share is the cores over the models that run', async () => {
  const [first, second, third] = [new Budget(4), new Budget(4), new Budget(4)] as const;
  const a = await running(first);
  const b = await running(second);
  const c = await running(third);
  const again = await running(first); // the same model does not count twice
  assert.deepEqual([a.threads, b.threads, c.threads, again.threads], [4, 2, 1, 1]);
  await Promise.all([a.end(), b.end(), c.end(), again.end()]);
  const alone = await running(second);
  assert.equal(alone.threads, 4);
  await alone.end();
});

test('a failed call ends its share, and threads that were asked for are not shared', async () => {
  await assert.rejects(new Budget(4).use(() => Promise.reject(new Error('x'))));
  const asked = await running(new Budget());
  const other = await running(new Budget(3));
  assert.deepEqual([asked.threads, other.threads], [32, 1]);
  await Promise.all([asked.end(), other.end()]);
});
