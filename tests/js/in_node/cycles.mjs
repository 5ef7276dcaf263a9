// Models loaded, run and disposed of, over and over: CYCLES times, by default 100, in workers, which
// take longer to start, a quarter of that. What is left of them must not grow.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bits, inputs, load, using } from './shared.mjs';

const MIB = 2 ** 20;
const CYCLES = Number(process.env.CYCLES ?? 100);
const usual = await using({ worker: false }, async (model) => bits(await model.run(inputs())));

/** Of the whole process, when garbage is gone. */
async function memory() {
  for (let i = 0; i < 5; ++i) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return process.memoryUsage().rss;
}

const KINDS = [
  ['in workers', Math.ceil(CYCLES / 4), { threads: 2 }],
  ['on the calling thread', CYCLES, { worker: false }],
];
for (const [where, cycles, options] of KINDS) {
  test(`${cycles} models ${where}`, async (t) => {
    const cycle = async (times) => {
      for (let i = 0; i < times; ++i) {
        await using(options, async (model) =>
          assert.deepEqual(bits(await model.run(inputs())), usual),
        );
      }
    };
    await cycle(cycles / 4); // until allocators have what they keep
    const before = await memory();
    await cycle(cycles);
    const after = await memory();
    const text = `${(before / MIB).toFixed(0)} MiB, then ${(after / MIB).toFixed(0)} MiB`;
    t.diagnostic(text);
    assert.ok(after < before + 32 * MIB, text);
  });
}
