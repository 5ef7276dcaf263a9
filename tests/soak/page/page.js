// Loads, runs, aborts and disposes of models in the order that a seed decides, until the page is
// closed; tells the server what came of it, and what it did not expect.
const { seed } = JSON.parse(decodeURIComponent(location.search.slice(1)));
const tell = (facts) => fetch('/moment/now', { method: 'POST', body: JSON.stringify(facts) });
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const cases = await (await fetch('/package/cases.json')).json();
const names = Object.keys(cases);
const loads = Object.fromEntries(
  await Promise.all(
    names.map(async (name) => [name, (await import(`/package/${name}/index.js`)).load]),
  ),
);
const done = { loads: 0, runs: 0, aborts: 0, disposals: 0, selfTests: 0, wrong: [] };

let state = seed;
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
const below = (n) => Math.floor(n * random());
const one = (list) => list[below(list.length)];

/** Whether `promise` is kept, or breaks with one of the codes; all else is told. */
async function kept(promise, what, codes = []) {
  try {
    return { value: await promise };
  } catch (error) {
    if (!codes.includes(error.code)) done.wrong.push(`${what}: ${error.code} ${error.message}`);
    return {};
  }
}

function same(outputs, expected) {
  return Object.entries(expected).every(([name, { data, shape }]) => {
    const found = outputs[name];
    const most = data.reduce((max, x) => Math.max(max, Math.abs(x)), 1);
    return (
      String(found.shape) === String(shape) &&
      data.every((x, i) => Math.abs(x - Number(found.data[i])) <= 1e-4 * most)
    );
  });
}

const ABORTED = 'WTW405';
const DISPOSED = 'WTW407';

/** What is done with a model once; those that are left running are awaited by the caller. */
const acts = {
  async run(model, name) {
    const { inputs, outputs } = one(cases[name]);
    const { value } = await kept(model.run(inputs), `run ${name}`);
    if (value && !same(value, outputs)) done.wrong.push(`run ${name}: other outputs`);
    ++done.runs;
  },
  async together(model, name) {
    await Promise.all([acts.run(model, name), acts.run(model, name), acts.run(model, name)]);
  },
  async abort(model, name) {
    const controller = new AbortController();
    const run = model.run(one(cases[name]).inputs, { signal: controller.signal });
    const ended = kept(run, `abort ${name}`, [ABORTED]);
    await pause(below(4));
    controller.abort();
    await ended;
    ++done.aborts;
  },
  async selfTest(model, name) {
    const { value } = await kept(model.selfTest(), `selfTest ${name}`);
    if (value && !value.passed) done.wrong.push(`selfTest ${name}: ${JSON.stringify(value)}`);
    ++done.selfTests;
  },
};

async function visit() {
  const name = one(names);
  const options = { threads: one([undefined, 1, 2, 3]), cache: random() < 0.5 };
  if (random() < 0.15) options.worker = false;
  const controller = new AbortController();
  const loading = kept(loads[name]({ ...options, signal: controller.signal }), `load ${name}`, [
    ABORTED,
  ]);
  if (random() < 0.15) {
    await pause(below(60));
    controller.abort();
  }
  const { value: model } = await loading;
  ++done.loads;
  if (!model) return;
  for (let i = below(6); i >= 0; --i) await acts[one(Object.keys(acts))](model, name);
  const late = kept(model.run(one(cases[name]).inputs), `dispose ${name}`, [DISPOSED]);
  await kept(model.dispose(), `dispose ${name}`);
  await late;
  await kept(model.run(one(cases[name]).inputs), `after ${name}`, [DISPOSED]).then(({ value }) => {
    if (value) done.wrong.push(`${name} ran after it was disposed`);
  });
  ++done.disposals;
}

/** Several at a time, as pages with several models do. What is told is the memory of what lives: a
 * browser keeps some 30 KB of each worker that has ended until it collects its garbage. */
for (;;) {
  const end = performance.now() + 5000;
  while (performance.now() < end) await Promise.all([visit(), visit()]);
  for (let i = 0; i < 2; ++i) {
    globalThis.gc();
    await pause(200);
  }
  await tell(done);
}
