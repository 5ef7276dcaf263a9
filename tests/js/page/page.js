// Python's hands in the page: `window.runtime.NAME(argument)` gives what the test looks at.
import { load as loadCounter } from '/counter/index.js';
import { load as loadLoop } from '/loop/index.js';
import { diagnose, load } from '/sample/index.js';
import { loadModel } from '/sample/loader.js';
import { load as loadTally } from '/tally/index.js';

// Not every driver hears of what a policy blocks.
document.addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI }) =>
  console.error(`${effectiveDirective} blocks ${blockedURI}`),
);

const wave = (n) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * 12.9898));
const inputs = (batch = 2) => ({
  x: { data: wave(batch * 64), shape: [batch, 64] },
  ids: { data: Array(batch).fill(3), shape: [batch] },
});
const bits = ({ logits, energy }) =>
  [logits, energy].flatMap(({ data }) => [...new Uint32Array(data.buffer)]);

/** Loads, runs and checks a model; or the error's code and message. */
async function facts(loading) {
  try {
    const model = await loading;
    const { variant, threads, why } = model.info;
    const found = bits(await model.run(inputs()));
    const { passed } = await model.selfTest();
    await model.dispose();
    return { variant, threads, why, passed, bits: found };
  } catch ({ code, message }) {
    return { code, message };
  }
}

const LOADERS = { loop: loadLoop, tally: loadTally };
const rounds = (n) => ({ rounds: BigInt64Array.of(BigInt(n)) });
const outcome = (promise) =>
  promise.then(
    () => 'done',
    ({ code }) => code,
  );

const NAMES = ['model.json', 'plan.bin', 'weights-00.bin', 'golden.bin', 'worker.js'].concat(
  ['relaxed', 'simd128'].flatMap((simd) => [
    `runtime-${simd}-threads.wasm`,
    `runtime-${simd}-single.wasm`,
  ]),
);
const assets = Object.fromEntries(NAMES.map((name) => [name, `/sample/${name}`]));
const elsewhere = Object.fromEntries(NAMES.map((name) => [name, `/nowhere/${name}`]));

window.runtime = {
  load: (options) => facts(load(options)),

  // What Turbopack makes of the worker.
  classicWorker: () => facts(loadModel(assets, () => new Worker('/sample/worker.js'))),

  missingWorker: (options) =>
    facts(loadModel({ ...assets, 'worker.js': '/nowhere/worker.js' }, null, options)),

  baseUrl: () => facts(loadModel(elsewhere, null, { baseUrl: '/sample' })),

  withoutWebCrypto() {
    Object.defineProperty(crypto, 'subtle', { value: undefined });
    return facts(load({ worker: false }));
  },

  async twoModels() {
    const [a, b] = await Promise.all([load(), loadCounter()]);
    const ones = { x: new Float32Array(3).fill(1) };
    const [first, second, third] = await Promise.all([
      a.run(inputs()),
      b.run(ones),
      b.run(ones),
      a.run(inputs(5)),
      a.selfTest(),
    ]);
    await Promise.all([a.dispose(), b.dispose()]);
    return { bits: bits(first), counts: [second.output.data[0], third.output.data[0]] };
  },

  /** A worker that is ended from outside while it works; then another load. */
  async deadWorker(duringLoad) {
    let worker;
    const start = () => (worker = new Worker('/sample/worker.js', { type: 'module' }));
    const errorOf = async (promise) => {
      const { code, message } = await promise.then(
        () => ({ code: 'none' }),
        (error) => error,
      );
      return `${code} ${message}`;
    };
    const errors = [];
    if (duringLoad) {
      const onProgress = () => worker.terminate();
      errors.push(await errorOf(loadModel(assets, start, { onProgress })));
    } else {
      const model = await loadModel(assets, start);
      const running = model.run(inputs());
      worker.terminate();
      for (const call of [() => running, () => model.run(inputs()), () => model.selfTest()]) {
        errors.push(await errorOf(call()));
      }
      await model.dispose();
    }
    return { errors, next: await facts(load()) };
  },

  diagnose,

  /** Three models at work at once, many times: what each gave. */
  async threeModels(options) {
    const models = await Promise.all([1, 2, 3].map(() => load(options)));
    const given = Array.from({ length: 60 }, (_, i) => models[i % 3].run(inputs()));
    const found = await Promise.all(given);
    await Promise.all(models.map((model) => model.dispose()));
    return found.map(bits);
  },

  /** Inputs that move; what is left of them here, and whether the outputs are those of copies. */
  async transfer(options) {
    const model = await load(options);
    const expected = bits(await model.run(inputs()));
    const x = wave(128);
    const ids = new BigInt64Array([9n, 3n, 3n]).subarray(1);
    const given = { x: { data: x, shape: [2, 64] }, ids: { data: ids, shape: [2] } };
    const running = model.run(given, { transfer: true });
    const left = [x.length, ids.length];
    const same = [bits(await running)];
    if (globalThis.SharedArrayBuffer) {
      const shared = new Float32Array(new SharedArrayBuffer(512));
      shared.set(wave(128));
      const moved = { ...inputs(), x: { data: shared, shape: [2, 64] } };
      same.push(bits(await model.run(moved, { transfer: true })), bits(await model.run(moved)));
    }
    await model.dispose();
    return { left, same: same.map((found) => `${found}` === `${expected}`) };
  },

  /** A run of so many rounds that is aborted under way, others behind it. */
  async abortRuns({ name, count, ...options }) {
    const model = await LOADERS[name](options);
    const controller = new AbortController();
    const { signal } = controller;
    const aborted = outcome(model.run(rounds(count), { signal }));
    const waiting = outcome(model.run(rounds(1), { signal }));
    const behind = outcome(model.run(rounds(1)));
    setTimeout(() => controller.abort(), 100);
    const found = [await aborted, await waiting, await behind, await outcome(model.run(rounds(1)))];
    await model.reset();
    found.push(await outcome(model.run(rounds(1))));
    await model.dispose();
    return found;
  },

  /** Helpers that are ended from outside while the model is idle. */
  async deadHelpers() {
    const start = () => new Worker('/mortal.js');
    const model = await loadModel(assets, start, { threads: 3 });
    const found = [bits(await model.run(inputs()))];
    const channel = new BroadcastChannel('helpers');
    const ended = new Promise((resolve) => (channel.onmessage = ({ data }) => resolve(data)));
    channel.postMessage('end');
    const { threads } = model.info;
    const count = await ended;
    for (let i = 0; i < 20; ++i) found.push(bits(await model.run(inputs())));
    await model.dispose();
    return { threads, count, bits: found };
  },

  /** What comes of NaN and of infinities in the inputs, with each policy. */
  async notFinite() {
    const found = {};
    for (const onInvalid of [undefined, 'allow', 'error']) {
      const model = await load({ onInvalid });
      const outcomes = [NaN, Infinity].map((value) => {
        const given = inputs();
        given.x.data[70] = value;
        return model.run(given).then(
          ({ logits }) => [...logits.data].map(Number.isFinite),
          ({ code, message }) => `${code} ${message}`,
        );
      });
      found[onInvalid] = await Promise.all(outcomes);
      await model.dispose();
    }
    return found;
  },

  /** A worker that does not come back from its first run: what becomes of two runs that are aborted,
   * and of a run and a self-test that dispose ends. */
  async hungWorker() {
    const model = await loadModel(assets, () => new Worker('/hung.js'));
    const controller = new AbortController();
    const { signal } = controller;
    const aborted = [0, 1].map(() => outcome(model.run(inputs(), { signal })));
    const left = [outcome(model.run(inputs())), outcome(model.selfTest())];
    setTimeout(() => controller.abort(), 200);
    const found = await Promise.all(aborted);
    await model.dispose();
    return { found: [...found, ...(await Promise.all(left))], next: await facts(load()) };
  },

  /** Timers of this page from now on run 50 times as fast as they say. */
  hurry() {
    const { setTimeout } = window;
    window.setTimeout = (call, ms, ...rest) => setTimeout(call, ms / 50, ...rest);
  },

  async memory(options) {
    const model = await load(options);
    const found = [model.info.memory];
    await model.run(inputs());
    found.push(model.info.memory);
    await model.dispose();
    return found;
  },

  async outOfRange() {
    const model = await load();
    const error = await model
      .run({ ...inputs(), ids: { data: [1, 10], shape: [2] } })
      .catch((e) => e);
    await model.dispose();
    return { code: error.code, name: error.name, message: error.message, where: error.where };
  },

  async abort() {
    const controller = new AbortController();
    return facts(load({ signal: controller.signal, onProgress: () => controller.abort() }));
  },

  /** Memories until there is no address space for more, then a load. */
  async manyMemories(most) {
    const taken = [];
    try {
      while (taken.length < most) {
        taken.push(new WebAssembly.Memory({ initial: 1, maximum: 65536 }));
      }
    } catch {} // address space for about a hundred is all that most browsers give a page
    return { taken: taken.length, ...(await facts(load({ worker: false }))) };
  },

  async loadAndDispose(times) {
    for (let i = 0; i < times; ++i) await (await load()).dispose();
    return facts(load());
  },
};
