// Calls of a backend whose worker is played by the test.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BUILD } from '../../build/generated/build.ts';
import {
  type Backend,
  type CallOptions,
  NoWorker,
  workerBackend,
} from '../../js_runtime/src/backend.ts';
import { Budget } from '../../js_runtime/src/budget.ts';
import { Control } from '../../js_runtime/src/control.ts';
import { toWire, wtwError } from '../../js_runtime/src/errors.ts';
import type { OpenOptions } from '../../js_runtime/src/open.ts';
import type { Port } from '../../js_runtime/src/platform.ts';
import type { CallMessage, ToWorker } from '../../js_runtime/src/protocol.ts';
import { rejectsCode } from './support.ts';

const memory = {};
const nothing = async () => {};
const options = { addresses: {}, onProgress: () => {} } as unknown as OpenOptions;
const budget = () => new Budget(1, () => {});

/** A backend, what its worker was sent, how busy its port was, and what the worker answers. */
async function started(hasState = false) {
  const calls: CallMessage[] = [];
  const busy: boolean[] = [];
  const control = new Control();
  let send: (message: unknown) => void = () => {};
  let die: (reason: string) => void = () => {};
  const port: Port = {
    listen: (received, failed) => {
      send = received;
      die = failed;
    },
    post: (message, transfer = []) => {
      const arrived = structuredClone(message as ToWorker, { transfer });
      if (arrived.kind === 'call') calls.push(arrived);
      else queueMicrotask(loaded);
    },
    watch: () => {},
    terminate: nothing,
    busy: (now) => void busy.push(now),
  };
  const loaded = () => {
    send({ kind: 'alive', build: BUILD });
    send({ kind: 'loaded', summary: { memory, hasState } });
  };
  const backend = await workerBackend(port, { ...options, control }, budget());
  busy.length = 0;
  const sent = () => calls.at(-1) as CallMessage;
  /** Answers the last call. */
  const reply = (value: unknown) => {
    const { id, staged } = sent();
    send({ kind: 'reply', id, staged, memory, reply: value });
  };
  const refuse = (error = wtwError('aborted')) => {
    const { id, staged } = sent();
    send({ kind: 'refused', id, staged, error: toWire(error) });
  };
  const names = () => calls.map(({ request }) => request.call);
  return {
    backend,
    calls,
    names,
    busy,
    control,
    reply,
    refuse,
    send: (message: unknown) => send(message),
    die: (why: string) => die(why),
  };
}

const inputs = (arrays: readonly Uint8Array[]) => ({
  inputs: arrays.map((bytes) => ({ bytes, shape: [bytes.length] })),
  keep: false,
});
const run = (backend: Backend, options?: CallOptions, ...arrays: Uint8Array[]) =>
  backend.call('run', inputs(arrays), options);

/** The byte that a run was given. */
function given({ request }: CallMessage): number | undefined {
  const [input] = request.call === 'run' ? request.inputs : [];
  return input && 'bytes' in input ? input.bytes[0] : undefined;
}

test('inputs beyond memory are refused, and the next call works', async () => {
  const { backend, calls, busy, reply } = await started();
  const terabytes = Array<Uint8Array>(1 << 16).fill(new Uint8Array(1 << 26));
  await rejectsCode(backend.call('run', inputs(terabytes)), 'out-of-memory', String(2 ** 42));
  assert.deepEqual([calls, busy], [[], []]);
  const running = run(backend, {}, Uint8Array.of(1));
  reply([7]);
  assert.deepEqual(await running, [7]);
  assert.deepEqual([busy[0], busy.at(-1)], [true, false]);
});

test('one call is under way at a time, with the inputs that there were', async () => {
  const { backend, calls, names, reply } = await started();
  const array = Uint8Array.of(1);
  const first = run(backend, {}, array);
  array[0] = 2;
  const second = run(backend, { transfer: true }, array);
  assert.equal(array.length, 0); // gone already, though it waits
  const third = backend.call('reset', {});
  assert.deepEqual(names(), ['run']);
  reply([1]);
  assert.deepEqual(names(), ['run', 'run']);
  reply([2]);
  assert.deepEqual(names(), ['run', 'run', 'reset']);
  reply(null);
  assert.deepEqual(await Promise.all([first, second, third]), [[1], [2], null]);
  assert.deepEqual(calls.map(given), [1, 2, undefined]);
});

test('a self-test holds up nothing', async () => {
  const { backend, names } = await started();
  const [test, running] = [backend.call('selfTest', {}), run(backend)];
  assert.deepEqual(names(), ['selfTest', 'run']);
  void backend.end();
  await rejectsCode(test, 'disposed');
  await rejectsCode(running, 'disposed');
});

test('a run that waits is taken back, and its inputs stay with the next', async () => {
  const { backend, calls, names, reply } = await started(true);
  const controller = new AbortController();
  const [first, second, third] = [
    run(backend),
    run(backend, { signal: controller.signal }, Uint8Array.of(2)),
    run(backend, {}, Uint8Array.of(3)),
  ];
  controller.abort('enough');
  await rejectsCode(second, 'aborted');
  await assert.rejects(second, ({ cause }: Error) => cause === 'enough');
  reply([1]);
  reply([3]);
  assert.deepEqual(await Promise.all([first, third]), [[1], [3]]);
  assert.deepEqual(names(), ['run', 'run']);
  assert.deepEqual(calls.map(given), [undefined, 3]);
  await rejectsCode(run(backend, { signal: controller.signal }), 'aborted');
  assert.equal(calls.length, 2);
});

for (const stops of [true, false]) {
  test(`a run under way that ${stops ? 'stops' : 'does not stop'} spoils the state`, async () => {
    const { backend, names, control, reply, refuse, calls } = await started(true);
    const controller = new AbortController();
    const aborted = run(backend, { signal: controller.signal });
    const [second, reset, fourth] = [run(backend), backend.call('reset', {}), run(backend)];
    controller.abort();
    await rejectsCode(aborted, 'aborted');
    assert.deepEqual(names(), ['run']); // the worker is still at it
    const worker = new Control(control.words);
    assert.ok(worker.during(calls[0]?.id as number, () => worker.stopped));
    if (stops) refuse();
    else reply([1]);
    await rejectsCode(second, 'state-dirty');
    assert.deepEqual(names(), ['run', 'reset']);
    reply(null);
    reply([4]);
    assert.deepEqual(await Promise.all([reset, fourth]), [null, [4]]);
  });
}

test('a model without state goes on after an aborted run', async () => {
  const { backend, refuse, reply } = await started(false);
  const controller = new AbortController();
  const aborted = run(backend, { signal: controller.signal });
  const second = run(backend);
  controller.abort();
  await rejectsCode(aborted, 'aborted');
  refuse();
  reply([2]);
  assert.deepEqual(await second, [2]);
});

test('a signal of a run that is over means nothing', async () => {
  const { backend, control, reply } = await started(true);
  const controller = new AbortController();
  const first = run(backend, { signal: controller.signal });
  reply([1]);
  assert.deepEqual(await first, [1]);
  controller.abort();
  const second = run(backend);
  const worker = new Control(control.words);
  assert.ok(![1, 2].some((id) => worker.during(id, () => worker.stopped)));
  reply([2]);
  assert.deepEqual(await second, [2]);
});

test('a worker that dies takes along what waits, and later calls', async () => {
  const { backend, busy, die } = await started();
  const pending = [run(backend), run(backend), backend.call('selfTest', {})];
  die('the browser ended it');
  for (const call of [...pending, run(backend)]) {
    await rejectsCode(call, 'worker-died', 'the browser ended it');
  }
  assert.equal(busy.at(-1), false);
});

test('what cannot be posted is refused, and the queue goes on', async () => {
  const { backend, reply } = await started();
  const broken = { inputs: [{ integer: () => {} }], keep: false } as never;
  const first = run(backend);
  const second = backend.call('run', broken);
  const third = run(backend);
  reply([1]);
  await rejectsCode(second, 'internal', 'DataCloneError');
  reply([3]);
  assert.deepEqual(await Promise.all([first, third]), [[1], [3]]);
});

/** A port whose worker answers the start with that, and how often it was ended. */
function portOf(answer?: object) {
  const ended = { times: 0 };
  let send = (_: unknown) => {};
  const port: Port = {
    listen: (received) => void (send = received),
    post: () => answer && queueMicrotask(() => send(answer)),
    watch: () => {},
    terminate: async () => void ++ended.times,
    busy: () => {},
  };
  return { port, ended };
}

test('a worker that nothing comes of is given up', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { port, ended } = portOf();
  const refused = assert.rejects(workerBackend(port, options, budget()), NoWorker);
  t.mock.timers.tick(20_000); // as where a page was frozen: one timer is over
  assert.equal(ended.times, 0);
  t.mock.timers.tick(10_000);
  await refused;
  assert.equal(ended.times, 1);
});

test('a worker of another version is given up', async () => {
  const { port, ended } = portOf({ kind: 'alive', build: 'other' });
  await assert.rejects(workerBackend(port, options, budget()), /another version/);
  assert.equal(ended.times, 1);
});

test('a worker that says what nobody knows has died', async () => {
  const { backend, send } = await started();
  const running = rejectsCode(run(backend), 'worker-died', 'unknown');
  send({ kind: 'reply!' });
  await running;
});

test('a worker that answers what its call cannot give has died', async () => {
  const { backend, reply } = await started();
  const fits = (answer: unknown) => answer === 7;
  const [first, second, third] = [1, 2, 3].map(() => backend.call('run', inputs([]), {}, fits));
  reply(7);
  assert.equal(await first, 7);
  reply(8);
  for (const call of [second, third, run(backend)]) {
    await rejectsCode(call as Promise<unknown>, 'worker-died', 'unknown');
  }
});
