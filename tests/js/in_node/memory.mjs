// A heap that may not grow as far as it should: at whichever page that is, it is told, and what
// needs less goes on.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assetsOf, fails, loadModel, loadWide, scripted, wave } from './shared.mjs';

const MOST = 512; // of the batch
const PAGES = { first: 64, last: 400, step: 24 }; // of 64 KiB; 64 are there from the start
const input = (batch) => ({ x: { data: wave(batch * 256), shape: [batch, 256] } });
const OUT = 'WTW406';

/** Memories have at most so many pages from now on; also as text, for a worker. */
function limit(pages) {
  const { Memory } = WebAssembly;
  WebAssembly.Memory = class extends Memory {
    constructor(descriptor) {
      super({ ...descriptor, maximum: Math.min(descriptor.maximum, pages) });
    }
  };
  return () => (WebAssembly.Memory = Memory);
}

const model = await loadWide({ worker: false, variant: 'simd128-single' });
const [small, large] = [await model.run(input(1)), await model.run(input(MOST))];
await model.dispose();

/** Where memory ended: while it loaded, in the larger run, or not at all. */
async function outcome(load) {
  let limited;
  try {
    limited = await load();
  } catch (error) {
    await fails(Promise.reject(error), OUT);
    return 'load';
  }
  try {
    const running = limited.run(input(MOST));
    const ended = await running.then(
      () => 'none',
      () => 'run',
    );
    if (ended === 'run') await fails(running, OUT);
    else assert.deepEqual(await running, large);
    const last = await limited.run(input(1)).catch(({ code }) => code);
    if (last === OUT && ended === 'run') return 'load'; // it was full from the start
    assert.deepEqual(last, small);
    return ended;
  } finally {
    await limited.dispose();
  }
}

const limits = (step) =>
  Array.from(
    { length: Math.ceil((PAGES.last - PAGES.first) / step) },
    (_, i) => PAGES.first + i * step,
  );
const inOrder = (found) => assert.deepEqual([...new Set(found)], ['load', 'run', 'none']);

test('on the calling thread', async () => {
  const found = [];
  for (const pages of limits(PAGES.step)) {
    const restore = limit(pages);
    const options = { worker: false, variant: 'simd128-single' };
    try {
      found.push(await outcome(() => loadWide(options)));
    } finally {
      restore();
    }
  }
  inOrder(found);
});

test('in a worker with helpers', async (t) => {
  const found = [];
  for (const pages of limits(3 * PAGES.step)) {
    const start = await scripted(t, `(${limit})(${pages});`, 'wide');
    const options = { threads: 2, variant: 'simd128-threads' };
    found.push(await outcome(() => loadModel(assetsOf('wide'), start, options)));
  }
  inOrder(found);
});
