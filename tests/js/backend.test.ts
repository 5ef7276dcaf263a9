// Calls of a backend whose worker is played by the test.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { workerBackend, type Backend } from '../../js_runtime/src/backend.ts';
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
