// Python's hands in the page: `window.parity.call(name, ...)` runs one of the functions below and
// gives `{ result }` or `{ error: { code, message } }`. Tensors travel as messages over HTTP.
import { load } from '/package/index.js';
import { decode, encode } from './exchange.js';
import { peak } from './peak.js';

let model;

const receive = async (id) => decode(await (await fetch(`/exchange/${id}`)).arrayBuffer());
const send = (id, values) => fetch(`/exchange/${id}`, { method: 'POST', body: encode(values) });

const functions = {
  async load(options) {
    model = await load(options);
    const { variant, why, threads } = model.info;
    return { variant, why, threads };
  },

  /** Runs on the inputs of message `id`; gives milliseconds. */
  async run(id, target = model) {
    const inputs = await receive(id);
    const start = performance.now();
    const outputs = await target.run(inputs);
    const milliseconds = performance.now() - start;
    await send(id, outputs);
    return milliseconds;
  },

  /** As `run`, keeping every value for `peek`. */
  debugRun: (id) => functions.run(id, model.debug),

  /** Profiles `runs` runs; gives each one's own milliseconds and, of plain runs, the milliseconds. */
  async profile(id, runs) {
    const inputs = await receive(id);
    const plain = [];
    for (let i = 0; i < runs; ++i) {
      const start = performance.now();
      await model.run(inputs);
      plain.push(performance.now() - start);
    }
    const profiles = [];
    for (let i = 0; i < runs; ++i) {
      profiles.push((await model.run(inputs, { profile: true })).profile.operators);
    }
    const times = profiles.map((operators) => operators.map(({ milliseconds }) => milliseconds));
    return { plain, times, operators: profiles[0] };
  },

  peak,

  async peek(id, node, output) {
    await send(id, { value: await model.debug.peek('forward', node, output) });
  },

  reset: () => model.reset(),

  seed: (seed) => model.seed(seed),

  selfTest: () => model.selfTest(),

  async dispose() {
    await model?.dispose();
    model = undefined;
  },
};

const timeout = (seconds) => new Promise((_, reject) => {
  setTimeout(() => reject(new Error(`no answer within ${seconds} seconds`)), seconds * 1000);
});

window.parity = {
  async call(name, seconds, ...args) {
    try {
      return { result: await Promise.race([functions[name](...args), timeout(seconds)]) };
    } catch (error) {
      return { error: { code: error?.code ?? '', message: String(error?.message ?? error) } };
    }
  },
};
