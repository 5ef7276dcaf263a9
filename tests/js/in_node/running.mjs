// Runs of a package in Node: values, order, state, what is refused.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import {
  bits,
  diagnose,
  fails,
  folder,
  inputs,
  load,
  loadCounter,
  loadDice,
  loadLoop,
  loadTally,
  using,
  wave,
} from './shared.mjs';

test('info tells what the model takes and gives', () =>
  using({}, ({ info }) => {
    assert.equal(info.name, 'sample');
    assert.deepEqual(info.inputs, [
      { name: 'x', kind: 'tensor', dtype: 'float32', shape: ['batch', 64] },
      { name: 'ids', kind: 'tensor', dtype: 'int64', shape: ['batch'] },
    ]);
    assert.deepEqual(
      info.outputs.map(({ name }) => name),
      ['logits', 'energy'],
    );
    assert.equal(info.parameters, 10 * 64 + 65 * 4096 + 4097 * 5);
    assert.ok(info.weightBytes >= 4 * info.parameters);
    assert.ok(info.variant.startsWith(info.simd));
  }));

const PLACES = [
  { worker: false },
  { threads: 1 },
  { threads: 2 },
  { threads: 5 },
  { variant: 'simd128-threads', threads: 1 },
  { variant: 'simd128-single' },
];
const expected = {}; // by SIMD level: relaxed SIMD fuses multiply and add, SIMD128 cannot
for (const options of PLACES) {
  test(`same bits and PyTorch's outputs with ${JSON.stringify(options)}`, () =>
    using(options, async (model) => {
      assert.equal(model.info.threads, options.threads ?? 1);
      for (let i = 0; i < 20; ++i) {
        const found = bits(await model.run(inputs()));
        assert.deepEqual(found, (expected[model.info.simd] ??= found));
      }
      const { passed, outputs } = await model.selfTest();
      assert.ok(passed, JSON.stringify(outputs));
      assert.deepEqual(
        outputs.map(({ name }) => name),
        ['logits', 'energy'],
      );
    }));
}

test('without WebCrypto, the runtime hashes by itself', async () => {
  const { crypto } = globalThis;
  Object.defineProperty(globalThis, 'crypto', { value: undefined, configurable: true });
  try {
    await using({ worker: false }, async (model) => assert.ok((await model.selfTest()).passed));
  } finally {
    Object.defineProperty(globalThis, 'crypto', { value: crypto, configurable: true });
  }
});

test('runs are answered in order, each with its sizes, and inputs stay the callers own', () =>
  using({}, async (model) => {
    const given = inputs(4);
    const outputs = await Promise.all(
      [1, 2, 3].map((n) => model.run(inputs(n))).concat(model.run(given)),
    );
    assert.deepEqual(
      outputs.map(({ logits }) => logits.shape),
      [
        [1, 5],
        [2, 5],
        [3, 5],
        [4, 5],
      ],
    );
    assert.deepEqual(given, inputs(4));
    assert.ok(outputs[0].logits.data.buffer instanceof ArrayBuffer);
  }));

test('inputs move to the worker where they may, and are copied where they must', () =>
  using({}, async (model) => {
    const alone = bits(await model.run(inputs()));
    const run = (x, ids) =>
      model.run(
        { x: { data: x, shape: [2, 64] }, ids: { data: ids, shape: [2] } },
        { transfer: true },
      );
    const x = inputs().x.data;
    const part = new BigInt64Array([9n, 3n, 3n]).subarray(1);
    assert.deepEqual(bits(await run(x, part)), alone);
    assert.deepEqual([x.length, [...part]], [0, [3n, 3n]]);
    const shared = new Float32Array(new SharedArrayBuffer(512));
    shared.set(inputs().x.data);
    assert.deepEqual(bits(await run(shared, [3, 3])), alone);
    assert.deepEqual(
      bits(await model.run({ ...inputs(), x: { data: shared, shape: [2, 64] } })),
      alone,
    );
    assert.equal(shared[1], Math.fround(Math.sin(12.9898)));
    const kept = inputs().x.data;
    await fails(run(kept, [3]), 'WTW505');
    await fails(run(inputs().x.data, [3, 10]), 'WTW509');
    assert.deepEqual(bits(await run(kept, [3, 3])), alone);
    assert.equal(kept.length, 0);
  }));

for (const worker of [undefined, false]) {
  test(`inputs that are not finite may be refused, with worker ${worker}`, () =>
    using({ worker, onInvalid: 'error' }, async (model) => {
      const expected = bits(await model.run(inputs()));
      const wrong = inputs();
      wrong.x.data[70] = -Infinity;
      const options = [{}, { profile: true }, { transfer: true }];
      for (const one of options) {
        await fails(model.run(wrong, one), 'WTW515', 'input x has -Infinity at [1, 6]');
      }
      assert.equal(wrong.x.data.length, 128);
      assert.deepEqual(bits(await model.run(inputs())), expected);
      assert.ok((await model.selfTest()).passed);
    }));
}

test('nothing is detached on the calling thread', () =>
  using({ worker: false }, async (model) => {
    const given = inputs();
    await model.run(given, { transfer: true });
    assert.deepEqual(given, inputs());
    const shared = new Float32Array(new SharedArrayBuffer(512));
    shared.set(given.x.data);
    const { energy } = await model.run({ ...given, x: { data: shared, shape: [2, 64] } });
    assert.deepEqual(energy, (await model.run(given)).energy);
  }));

for (const options of [{}, { worker: false }, { threads: 3 }]) {
  test(`all kinds of calls at once keep their order with ${JSON.stringify(options)}`, () =>
    using(
      options,
      async (model) => {
        const x = Float32Array.of(1, 1, 1);
        const kinds = {
          reset: () => model.reset(),
          seed: () => model.seed(7),
          selfTest: () => model.selfTest(),
          copied: () => model.run({ x }),
          moved: () => model.run({ x: x.slice() }, { transfer: true }),
        };
        const kindOf = (i) =>
          i % 17 === 5 ? 'reset' : i % 13 === 4 ? 'seed' : i % 29 === 3 ? 'selfTest' : 'copied';
        const calls = Array.from({ length: 300 }, (_, i) =>
          i % 2 && kindOf(i) === 'copied' ? 'moved' : kindOf(i),
        );
        const under = calls.map((kind) => kinds[kind]());
        x.fill(7); // taken when run() was called
        const answers = await Promise.all(under);
        let count = 0;
        calls.forEach((kind, i) => {
          if (kind === 'reset') count = 0;
          if (kind === 'selfTest') assert.ok(answers[i].passed);
          if (kind === 'copied' || kind === 'moved') {
            assert.equal(answers[i].output.data[0], (count += 2), `call ${i}`);
          }
        });
      },
      loadCounter,
    ));
}

const rounds = (n) => ({ rounds: BigInt64Array.of(BigInt(n)) });
const ENDLESS = rounds(2n ** 62n);
/** Aborts in a while; the signal. */
function soon() {
  const controller = new AbortController();
  setTimeout(() => controller.abort('enough'), 50);
  return controller.signal;
}

for (const options of [{ threads: 1 }, { threads: 2 }, { variant: 'simd128-single' }]) {
  test(`an endless run can be ended with ${JSON.stringify(options)}`, () =>
    using(
      options,
      async (model) => {
        for (const profile of [false, true]) {
          const endless = model.run(ENDLESS, { signal: soon(), profile });
          const next = model.run(rounds(7));
          await fails(endless, 'WTW405');
          await assert.rejects(endless, ({ cause }) => cause === 'enough');
          assert.equal((await next).output.data[0], 7n);
        }
        const late = new AbortController();
        assert.equal((await model.run(rounds(3), { signal: late.signal })).output.data[0], 3n);
        late.abort();
        await fails(model.run(rounds(1), { signal: AbortSignal.abort() }), 'WTW405');
      },
      loadLoop,
    ));
}

test('a run that was aborted under way wants a reset where there is state', () =>
  using(
    { threads: 1 },
    async (model) => {
      const runs = async () => (await model.run(rounds(1))).runs.data[0];
      assert.equal(await runs(), 1);
      await fails(model.run(ENDLESS, { signal: soon() }), 'WTW405');
      await fails(runs(), 'WTW511', 'reset()');
      await fails(model.run(rounds(1), { profile: true }), 'WTW511');
      assert.ok((await model.selfTest()).passed);
      await model.reset();
      assert.deepEqual([await runs(), await runs()], [1, 2]);
    },
    loadTally,
  ));

test('a run that was aborted in the queue has changed nothing', () =>
  using(
    {},
    async (model) => {
      const x = Float32Array.of(1, 1, 1);
      const controller = new AbortController();
      const first = model.run({ x });
      const second = model.run({ x }, { signal: controller.signal });
      const third = model.run({ x });
      controller.abort();
      await fails(second, 'WTW405');
      assert.deepEqual(
        [await first, await third].map(({ output }) => output.data[0]),
        [2, 4],
      );
    },
    loadCounter,
  ));

test('on the calling thread, a signal counts before the call', () =>
  using(
    { worker: false },
    async (model) => {
      await fails(model.run(rounds(3), { signal: AbortSignal.abort() }), 'WTW405');
      assert.equal((await model.run(rounds(3), { signal: soon() })).output.data[0], 3n);
    },
    loadLoop,
  ));

test('inputs go to the worker and back with what is refused and with runs side by side', () =>
  using({ threads: 1 }, async (model) => {
    const wrong = { ...inputs(), ids: { data: [1, 10], shape: [2] } };
    const given = [
      inputs(2),
      { ...inputs(5), x: { data: wave(5 * 64).reverse(), shape: [5, 64] } },
    ];
    const alone = [];
    for (const one of given) alone.push(bits(await model.run(one)));
    assert.notDeepEqual(alone[0], alone[1]);
    for (let i = 0; i < 3; ++i) {
      await fails(model.run(wrong), 'WTW509');
      const both = await Promise.all(given.map((one) => model.run(one)));
      assert.deepEqual(both.map(bits), alone);
    }
    assert.deepEqual(given[0], inputs(2));
    assert.deepEqual(given[1].x.data, wave(5 * 64).reverse());
  }));

for (const worker of [undefined, false]) {
  test(`mistakes are named, with worker ${worker}`, () =>
    using({ worker }, async (model) => {
      const run = (changes) => model.run({ ...inputs(), ...changes });
      await fails(model.run({}), 'WTW501', 'input x is missing', 'x, ids');
      await fails(
        run({ ids: { data: [1, 10], shape: [2] } }),
        'WTW509',
        'embedding',
        'index 10',
        'size 10',
        'conftest.py:',
      );
      await fails(
        run({ ids: { data: [1, 2, 3], shape: [3] } }),
        'WTW507',
        'ids',
        'size 3 in axis 0, expected 2',
      );
      await fails(model.run(inputs(9)), 'WTW506', 'batch is 9', '1 to 8');
      assert.equal((await model.run(inputs(8))).logits.shape[0], 8); // still usable
    }));
}

test('state persists, reset restores it, selfTest leaves it alone', () =>
  using(
    {},
    async (model) => {
      const next = async () => (await model.run({ x: Float32Array.of(1, 1, 1) })).output.data[0];
      assert.deepEqual([await next(), await next()], [2, 4]);
      assert.ok((await model.selfTest()).passed);
      assert.equal(await next(), 6);
      await model.reset();
      assert.equal(await next(), 2);
    },
    loadCounter,
  ));

let drawn; // the same in all places
for (const options of [{ worker: false }, { threads: 1 }, { threads: 2 }, { threads: 5 }]) {
  test(`a seed decides random numbers with ${JSON.stringify(options)}`, () =>
    using(
      options,
      async (model) => {
        const draw = async () => {
          const { output } = await model.run({ x: Float32Array.of(0, 0, 0) });
          return Buffer.from(output.data.buffer).toString('hex');
        };
        const first = [await draw(), await draw()];
        await model.seed(7);
        const seventh = [await draw(), await draw()];
        assert.equal(new Set([...first, ...seventh]).size, 4);
        assert.ok((await model.selfTest()).passed);
        await model.seed(7n + 2n ** 64n);
        assert.deepEqual([await draw(), await draw()], seventh);
        await model.reset();
        assert.deepEqual([await draw(), await draw()], first);
        assert.deepEqual([first, seventh], (drawn ??= [first, seventh]));
        await fails(model.seed(1.5), 'WTW510', 'seed', 'number 1.5');
      },
      loadDice,
    ));
}

test('a seed means nothing to a model without random numbers', () =>
  using({}, async (model) => {
    const before = bits(await model.run(inputs()));
    await model.seed(7);
    assert.deepEqual(bits(await model.run(inputs())), before);
  }));

test('debug keeps every value', () =>
  using({ debug: true }, async ({ debug }) => {
    const { logits } = await debug.run(inputs());
    const { nodes } = JSON.parse(await readFile(`${folder}/sample/model.json`, 'utf8')).graph;
    const head = nodes.findIndex(({ module }) => module === 'head');
    assert.deepEqual(await debug.peek('forward', head, 0), logits);
    await fails(debug.peek('forward', nodes.length, 0), 'WTW901', 'was not kept');
  }));

for (const options of [{ worker: false }, { threads: 2 }]) {
  test(`a profile tells every operator with ${JSON.stringify(options)}`, () =>
    using(options, async (model) => {
      const given = inputs(3);
      const { outputs, profile } = await model.run(given, { profile: true });
      assert.deepEqual(outputs, await model.run(given, { profile: false }));
      const { nodes } = JSON.parse(await readFile(`${folder}/sample/model.json`, 'utf8')).graph;
      const { operators, milliseconds } = profile;
      assert.deepEqual(
        operators.map(({ node, operator, module }) => [node, operator, module]),
        nodes.map(({ op, module = '' }, node) => [node, op, module]),
      );
      const head = operators.find(({ module }) => module === 'head');
      assert.deepEqual(head.shapes, [[3, 5]]);
      assert.match(head.source, /conftest\.py:\d+$/);
      assert.ok(operators.every((operator) => operator.milliseconds >= 0));
      const sum = operators.reduce((all, operator) => all + operator.milliseconds, 0);
      assert.equal(milliseconds, sum);
      await fails(model.run(inputs(9), { profile: true }), 'WTW506', 'batch is 9');
      assert.deepEqual(given, inputs(3)); // the caller's own
    }));
}

test('a profiled run changes the state as any other', () =>
  using(
    {},
    async (model) => {
      const x = Float32Array.of(1, 1, 1);
      const { outputs } = await model.run({ x }, { profile: true });
      assert.equal(outputs.output.data[0], 2);
      assert.equal((await model.run({ x })).output.data[0], 4);
    },
    loadCounter,
  ));

test('what is impossible is refused, not replaced', async () => {
  await fails(load({ threads: 0 }), 'WTW409', 'threads', '1 to 32');
  await fails(load({ variant: 'avx' }), 'WTW409', 'variant', 'relaxed-threads');
  await fails(load({ variant: 'simd128-single', threads: 2 }), 'WTW409', 'one thread');
  await fails(load({ worker: 1 }), 'WTW409', 'worker');
  await fails(load({ cache: 1 }), 'WTW409', 'cache');
  await fails(load({ onInvalid: 'throw' }), 'WTW409', 'onInvalid');
  await fails(load({ files: { 'plan.bin': 1 } }), 'WTW409', "files['plan.bin']");
  await fails(load({ baseUrl: 'http://' }), 'WTW409', 'baseUrl');
  await fails(load({ baseUrl: 'file:///nowhere' }), 'WTW303', 'file:///nowhere/model.json');
});

test('a diagnosis tells what load() takes', async () => {
  const { variant, threads, facts, advice, text } = await diagnose();
  await using({}, ({ info }) => {
    assert.deepEqual([variant, threads], [info.variant, info.threads]);
  });
  assert.match(text, /^package: sample 0\.1\.0\nvariant: /);
  assert.equal(
    facts.platform,
    `Node.js ${process.versions.node} on ${process.platform} ${process.arch}`,
  );
  assert.equal(advice.length, variant.startsWith('relaxed') ? 0 : 1);
  const required = createRequire(import.meta.url)(`${folder}/sample/index.cjs`);
  assert.equal((await required.diagnose()).text.split('\n')[0], text.split('\n')[0]);
});
