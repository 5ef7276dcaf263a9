// What a fresh page does: it takes a request out of the mailbox, opens a model through an adapter,
// runs it cold, warms up, times runs, and posts its answer. The page's query is the address.
//
// An adapter exports open(options) -> { info, run(inputs) -> outputs }; inputs and outputs are
// { name: { data, shape, dtype } }, the outputs readable by the page.
import { decode, encode } from '/verify/exchange.js';

const DOOR = `/exchange/${location.search.slice(1)}`;
const POLL_MS = 20;

async function timed(action) {
  const start = performance.now();
  const result = await action();
  return [performance.now() - start, result];
}

// Milliseconds of each run, until there are `least` that took `milliseconds` (or `most`).
async function repeat(run, { least, most, milliseconds }) {
  const taken = [];
  let sum = 0;
  while (taken.length < most && (taken.length < least || sum < milliseconds)) {
    const [time] = await timed(run);
    taken.push(time);
    sum += time;
  }
  return taken;
}

async function measure({ adapter, options, address, warmup, timing, keep }) {
  const inputs = decode(await (await fetch(`/exchange/${address}`)).arrayBuffer());
  const [load, model] = await timed(async () => (await import(adapter)).open(options));
  const [first, outputs] = await timed(() => model.run(inputs));
  if (keep) await fetch(`/exchange/${address}`, { method: 'POST', body: encode(outputs) });
  await repeat(() => model.run(inputs), warmup);
  const runs = await repeat(() => model.run(inputs), timing);
  return { load, first, runs, info: model.info };
}

const post = (body) => fetch(DOOR, { method: 'POST', body });

// What is there from the start is an empty message.
async function request() {
  await post('');
  for (;;) {
    const text = await (await fetch(DOOR)).text();
    if (text) return JSON.parse(text);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

const failed = (error) => ({ error: String(error?.message ?? error) });
await post(JSON.stringify(await request().then(measure).catch(failed)));
