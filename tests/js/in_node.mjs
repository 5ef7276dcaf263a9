// What a package does in Node; run by test_in_node.py, which names the folder of the packages.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { MessageChannel, Worker } from 'node:worker_threads';

const folder = process.env.PACKAGES;
const entry = (name) => pathToFileURL(`${folder}/${name}/index.node.js`).href;
const { load, isWtwError, diagnose } = await import(entry('sample'));
const { load: loadCounter } = await import(entry('counter'));
const { load: loadDice } = await import(entry('dice'));
const { load: loadLoop } = await import(entry('loop'));
const { load: loadTally } = await import(entry('tally'));

const wave = (n) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * 12.9898));
const inputs = (batch = 2) => ({
  x: { data: wave(batch * 64), shape: [batch, 64] },
  ids: { data: Array(batch).fill(3), shape: [batch] },
});
const bits = ({ logits, energy }) =>
  [logits, energy].map(({ data }) => Buffer.from(data.buffer).toString('hex'));

async function using(options, work, start = load) {
  const model = await start(options);
  try {
    return await work(model);
  } finally {
    await model.dispose();
  }
}

const fails = async (promise, code, ...parts) =>
  assert.rejects(promise, (error) => {
    assert.ok(isWtwError(error), String(error));
    assert.equal(error.code, code, error.message);
    for (const part of parts) assert.ok(error.message.includes(part), error.message);
    return true;
  });

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

test('a slow download changes nothing', async (t) => {
  const server = createServer(async ({ url }, response) => {
    const data = await readFile(`${folder}/${url}`);
    response.setHeader('content-type', url.endsWith('.wasm') ? 'application/wasm' : 'text/plain');
    if (!url.includes('weights-')) return void response.end(data);
    response.write(data.subarray(0, 1000));
    setTimeout(() => response.end(data.subarray(1000)), 300);
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  t.after(() => server.close().closeAllConnections());
  const at = (name) => ({ baseUrl: `http://127.0.0.1:${server.address().port}/${name}` });
  await using({ ...at('sample'), threads: 2 }, async (model) => {
    assert.equal(model.info.memory.arena, 0); // that of the warm-up is gone
    assert.deepEqual(bits(await model.run(inputs())), expected[model.info.simd]);
  });
  const count = async (model) => (await model.run({ x: Float32Array.of(1, 1, 1) })).output.data[0];
  await using(at('counter'), async (model) => assert.equal(await count(model), 2), loadCounter);
});

test('a package that is served goes on where the connection broke', async (t) => {
  const ranges = [];
  const BLOCK = 1 << 19;
  const plan = (await readFile(`${folder}/sample/plan.bin`)).length;
  let loaded = 0;
  const server = createServer(async ({ url, headers }, response) => {
    const data = await readFile(`${folder}/${url}`);
    response.setHeader('content-type', url.endsWith('.wasm') ? 'application/wasm' : 'text/plain');
    if (!url.includes('weights-')) return void response.end(data);
    ranges.push(headers.range);
    const first = Number(/\d+/.exec(headers.range)?.[0] ?? 0);
    response.setHeader('content-length', data.length - first);
    if (first > 0) {
      response.setHeader('content-range', `bytes ${first}-${data.length - 1}/${data.length}`);
      return void response.writeHead(206).end(data.subarray(first));
    }
    response.write(data.subarray(0, BLOCK));
    // A byte at a time, each of which may be reported, until the block is known to be there.
    for (let at = BLOCK; loaded - plan < BLOCK && at < data.length; ++at) {
      await new Promise((resolve) => setTimeout(resolve, 60));
      response.write(data.subarray(at, at + 1));
    }
    response.destroy();
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  t.after(() => server.close().closeAllConnections());
  const baseUrl = `http://127.0.0.1:${server.address().port}/sample`;
  for (const worker of [undefined, false]) {
    loaded = 0;
    const onProgress = (progress) => ({ loaded } = progress);
    await using({ baseUrl, worker, onProgress }, async (model) => {
      assert.deepEqual(bits(await model.run(inputs())), expected[model.info.simd]);
    });
    assert.deepEqual(ranges.splice(0), [undefined, `bytes=${BLOCK}-`]);
  }
});

test('what is impossible is refused, not replaced', async () => {
  await fails(load({ threads: 0 }), 'WTW409', 'threads', '1 to 32');
  await fails(load({ variant: 'avx' }), 'WTW409', 'variant', 'relaxed-threads');
  await fails(load({ variant: 'simd128-single', threads: 2 }), 'WTW409', 'one thread');
  await fails(load({ worker: 1 }), 'WTW409', 'worker');
  await fails(load({ cache: 1 }), 'WTW409', 'cache');
  await fails(load({ files: { 'plan.bin': 1 } }), 'WTW409', "files['plan.bin']");
  await fails(load({ baseUrl: 'http://' }), 'WTW409', 'baseUrl');
  await fails(load({ baseUrl: 'file:///nowhere' }), 'WTW303', 'file:///nowhere/model.json');
});

test('baseUrl moves every file', () =>
  using({ baseUrl: pathToFileURL(`${folder}/sample`) }, async (model) => {
    assert.deepEqual(bits(await model.run(inputs())), expected[model.info.simd]);
  }));

const NAMES = ['model.json', 'plan.bin', 'weights-00.bin', 'golden.bin'].concat(
  ['threads', 'single'].map((kind) => `runtime-relaxed-${kind}.wasm`),
  ['threads', 'single'].map((kind) => `runtime-simd128-${kind}.wasm`),
);
const contents = async (as) => {
  const read = async (name) => [name, as(await readFile(`${folder}/sample/${name}`))];
  return Object.fromEntries(await Promise.all(NAMES.map(read)));
};
const KINDS = {
  path: () => undefined,
  Buffer: (data) => data,
  ArrayBuffer: (data) => new Uint8Array(data).buffer,
  Blob: (data) => new Blob([data]),
};
for (const [kind, as] of Object.entries(KINDS)) {
  for (const worker of [undefined, false]) {
    test(`files may be at hand: each a ${kind}, with worker ${worker}`, async () => {
      const files = kind === 'path' ? {} : await contents(as);
      const baseUrl = kind === 'path' ? `${folder}/sample` : '/nowhere';
      await using({ baseUrl, files, worker }, async (model) => {
        assert.deepEqual(bits(await model.run(inputs())), expected[model.info.simd]);
        assert.ok((await model.selfTest()).passed);
      });
      for (const data of Object.values(files)) assert.ok((data.size ?? data.byteLength) > 4096);
    });
  }
}

test('what is at hand is checked', async () => {
  const { variant } = await using({}, ({ info }) => info);
  for (const name of ['plan.bin', 'weights-00.bin', `runtime-${variant}.wasm`]) {
    const data = await readFile(`${folder}/sample/${name}`);
    data[data.length >> 1] ^= 1;
    await fails(load({ files: { [name]: data } }), 'WTW304', name);
    await fails(load({ files: { [name]: '/nowhere' } }), 'WTW303', '/nowhere');
  }
  const words = await readFile(`${folder}/sample/model.json`, 'utf8');
  const files = { 'model.json': Buffer.from(words.replace('"max":8', '"max":9')) };
  await fails(load({ files }), 'WTW304', 'model.json');
});

test('dispose and abort end what is under way', async () => {
  const model = await load();
  const calls = [model.run(inputs()), model.run(inputs()), model.selfTest(), model.reset()];
  const pending = calls.map((call) => fails(call, 'WTW407'));
  await Promise.all([model.dispose(), model.dispose()]);
  await Promise.all(pending);
  await fails(model.run(inputs()), 'WTW407');
  await model.dispose();
  const controller = new AbortController();
  await fails(load({ signal: controller.signal, onProgress: () => controller.abort() }), 'WTW405');
  await fails(load({ signal: AbortSignal.abort() }), 'WTW405');
});

test('a model ends with the block that it is used in', async () => {
  const [first, second] = await Promise.all([load(), load({ worker: false })]);
  for (const model of [first, second]) {
    await model[Symbol.asyncDispose]();
    await fails(model.run(inputs()), 'WTW407');
    model[Symbol.dispose]();
  }
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

for (const worker of [undefined, false]) {
  for (const phase of ['download', 'prepare']) {
    test(`an abort ends the phase ${phase}, with worker ${worker}`, async () => {
      const controller = new AbortController();
      const onProgress = (progress) => progress.phase === phase && controller.abort();
      await fails(load({ worker, onProgress, signal: controller.signal }), 'WTW405');
    });
  }
}

const { loadModel } = await import(pathToFileURL(`${folder}/sample/loader.node.js`).href);
const assets = Object.fromEntries(
  ['model.json', 'plan.bin', 'weights-00.bin', 'golden.bin', 'worker.js']
    .concat(['relaxed', 'simd128'].map((simd) => `runtime-${simd}-threads.wasm`))
    .map((name) => [name, pathToFileURL(`${folder}/sample/${name}`)]),
);

test('a worker that dies is told, and the next load works', async () => {
  let worker;
  const start = () => (worker = new Worker(assets['worker.js']));
  const onProgress = () => void worker.terminate();
  await fails(loadModel(assets, start, { onProgress }), 'WTW408', 'it ended with code 1');
  await using(
    {},
    async (model) => {
      const running = [model.run(inputs()), model.run(inputs()), model.reset()].map((call) =>
        fails(call, 'WTW408', 'it ended with code 1'),
      );
      void worker.terminate();
      await Promise.all(running);
      await fails(model.run(inputs()), 'WTW408', 'it ended with code 1');
    },
    () => loadModel(assets, start),
  );
  await using({}, async (model) =>
    assert.deepEqual(bits(await model.run(inputs())), expected[model.info.simd]),
  );
});

test('helpers that die leave the runs to the others', async (t) => {
  // A worker.js whose helpers can be ended.
  const script = `
    const threads = process.getBuiltinModule('node:worker_threads');
    const { Worker } = threads;
    const helpers = [];
    threads.Worker = class extends Worker {
      constructor(...given) {
        super(...given);
        helpers.push(this);
      }
    };
    await import(${JSON.stringify(assets['worker.js'].href)});
    const channel = new BroadcastChannel('helpers');
    channel.onmessage = async () => {
      await Promise.all(helpers.map((helper) => helper.terminate()));
      channel.postMessage(helpers.length);
    };`;
  const path = `${await mkdtemp(join(tmpdir(), 'wtw-'))}/worker.mjs`;
  t.after(() => rm(dirname(path), { recursive: true }));
  await writeFile(path, script);
  const start = () => new Worker(path);
  await using(
    { threads: 4 },
    async (model) => {
      assert.equal(model.info.threads, 4);
      const before = bits(await model.run(inputs()));
      const channel = new BroadcastChannel('helpers');
      const ended = new Promise((resolve) => (channel.onmessage = ({ data }) => resolve(data)));
      channel.postMessage('end');
      assert.equal(await ended, 3);
      channel.close();
      for (let i = 0; i < 20; ++i) assert.deepEqual(bits(await model.run(inputs())), before);
    },
    (options) => loadModel(assets, start, options),
  );
});

test('progress ends with everything', async () => {
  const reports = [];
  await using({ onProgress: (progress) => reports.push(progress) }, () => {});
  const { loaded, total } = reports.at(-1);
  assert.equal(loaded, total);
  const phases = [...new Set(reports.map(({ phase }) => phase))];
  assert.deepEqual(phases, ['download', 'prepare']);
});

test('require works, and an idle model does not keep the process alive', async () => {
  const { load: required } = createRequire(import.meta.url)(`${folder}/sample/index.cjs`);
  await using({}, async (model) => assert.ok(model.info.threads >= 1), required);
  const weights = `${folder}/sample/weights-00.bin`;
  const script = `const { load } = await import('${entry('sample')}'); await load();
    const { readFileSync } = await import('node:fs');
    await load({ files: { 'weights-00.bin': readFileSync('${weights}') } });
    console.log('loaded');`;
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    timeout: 60000,
  });
  assert.deepEqual([status, String(stdout)], [0, 'loaded\n']);
});
