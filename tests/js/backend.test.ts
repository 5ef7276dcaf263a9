// Calls of a backend whose worker is played by the test.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Backend, NoWorker, workerBackend } from '../../js_runtime/src/backend.ts';
import type { OpenOptions } from '../../js_runtime/src/open.ts';
import type { Port } from '../../js_runtime/src/platform.ts';
import type { CallMessage, ToWorker } from '../../js_runtime/src/protocol.ts';
import { rejectsCode } from './support.ts';

const options = { addresses: {}, onProgress: () => {} } as unknown as OpenOptions;
const memory = {};

/** A backend, its calls, how busy its port was, and what the worker sends. */
async function started() {
  const calls: CallMessage[] = [];
  const busy: boolean[] = [];
  let send: (message: unknown) => void = () => {};
  const port: Port = {
    listen: (received) => void (send = received),
    post: (message) => {
      const { kind } = message as ToWorker;
      if (kind === 'call') calls.push(message as CallMessage);
      else queueMicrotask(() => send({ kind: 'loaded', summary: { memory } }));
    },
    watch: () => {},
    terminate: async () => {},
    busy: (now) => void busy.push(now),
  };
  const backend = await workerBackend(port, options);
  busy.length = 0;
  return { backend, calls, busy, send: (message: unknown) => send(message) };
}

const run = (backend: Backend, ...inputs: Uint8Array[]) =>
  backend.call('run', {
    inputs: inputs.map((bytes) => ({ bytes, shape: [bytes.length] })),
    keep: false,
    threads: 1,
  });

test('inputs beyond memory are refused, and the next call works', async () => {
  const { backend, calls, busy, send } = await started();
  const terabytes = Array<Uint8Array>(1 << 16).fill(new Uint8Array(1 << 26));
  await rejectsCode(run(backend, ...terabytes), 'out-of-memory', String(2 ** 42));
  assert.deepEqual([calls, busy], [[], []]);
  const running = run(backend, Uint8Array.of(1));
  const [{ id, staged }] = calls as [CallMessage];
  send({ kind: 'reply', id, staged, memory, reply: [7] });
  assert.deepEqual(await running, [7]);
  assert.deepEqual(busy, [true, false]);
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
  const refused = assert.rejects(workerBackend(port, options), NoWorker);
  t.mock.timers.tick(20_000);
  await refused;
  assert.equal(ended.times, 1);
});

test('a worker of another version is given up', async () => {
  const { port, ended } = portOf({ kind: 'alive', build: 'other' });
  await assert.rejects(workerBackend(port, options), /another version/);
  assert.equal(ended.times, 1);
});

test('a worker that says what nobody knows has died', async () => {
  const { backend, send } = await started();
  const running = rejectsCode(run(backend, Uint8Array.of(1)), 'worker-died', 'unknown');
  send({ kind: 'reply!' });
  await running;
});
