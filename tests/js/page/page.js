// Python's hands in the page: `window.runtime.NAME(argument)` gives what the test looks at.
import { load as loadCounter } from '/counter/index.js';
import { load } from '/sample/index.js';
import { loadModel } from '/sample/loader.js';

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
    setTimeout(() => controller.abort(), 5);
    return facts(load({ signal: controller.signal }));
  },

  /** Address space for about a hundred memories is all that a page gets. */
  async manyMemories() {
    const taken = [];
    try {
      for (;;) taken.push(new WebAssembly.Memory({ initial: 1, maximum: 65536 }));
    } catch {
      return { taken: taken.length, ...(await facts(load({ worker: false }))) };
    }
  },

  async loadAndDispose(times) {
    for (let i = 0; i < times; ++i) await (await load()).dispose();
    return facts(load());
  },
};
