// Downloads that go wrong on their way: gone on with where they broke, or told with a code.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Fault, FaultyServer } from './faulty_server.ts';
import { BLOCK, fetcherOf, hash, Heap, PATIENT, rowOf, shards, tableOf } from './shards.ts';
import { rejectsCode, until } from './support.ts';

const FILE = 'weights-01.bin';
const content = shards[1]; // three blocks and a bit
const table = tableOf(rowOf(FILE, content));
const changed = content.map((byte, i) => (i < 2 * BLOCK ? byte : byte ^ 1));

const server = new FaultyServer({ [FILE]: content });
before(() => server.listen());
after(() => server.close());

const addresses = () => ({ [FILE]: { at: server.address(FILE) } });
// Until nothing more can come.
const patience = {
  pauses: PATIENT.pauses,
  get stall() {
    return server.silent(FILE) ? 10 : PATIENT.stall;
  },
};

/** What comes of a download whose first answers have these faults. */
async function downloaded(faults: readonly (Fault | undefined)[]) {
  server.reset((_, n) => faults[n]);
  const heap = new Heap(content.length);
  const fetcher = fetcherOf(addresses(), { patience, platform: server.client });
  const counted: number[] = [];
  fetcher.received = (bytes) => counted.push(bytes);
  await fetcher.weights(table, hash, heap);
  assert.deepEqual(heap.bytes, content);
  const total = counted.reduce((sum, bytes) => sum + bytes, 0);
  assert.equal(total, content.length); // every byte once
  return server.ranges(FILE);
}
const always = (fault: Fault) => Array<Fault>(20).fill(fault);
const from = (block: number) => `bytes=${block * BLOCK}-`;
const broken: Fault = { after: 2 * BLOCK + 1000 };

test('a broken download goes on behind the last block that was whole', async () => {
  assert.deepEqual(await downloaded([broken]), [undefined, from(2)]);
  assert.deepEqual(await downloaded([broken, { after: BLOCK }]), [undefined, from(2), from(3)]);
  assert.deepEqual(await downloaded([{ ...broken, chunked: true }]), [undefined, from(2)]);
});

test('whoever gets further has all tries again', async () => {
  const twice = Array<Fault>(2).fill({ after: BLOCK - 1 });
  const faults = [{ after: BLOCK }, ...twice, { after: BLOCK }, ...twice];
  const ranges = [undefined, ...Array(3).fill(from(1)), ...Array(3).fill(from(2))];
  assert.deepEqual(await downloaded(faults), ranges);
});

test('a server that knows no ranges sends all again, and no byte is taken twice', async () => {
  assert.deepEqual(await downloaded([broken, { ignoresRange: true }]), [undefined, from(2)]);
});

test('another range than was asked for is told from the right one', async () => {
  const earlier = [broken, { start: BLOCK - 7 }];
  assert.deepEqual(await downloaded(earlier), [undefined, from(2)]);
  const later = [broken, { start: 3 * BLOCK }]; // then all of it
  assert.deepEqual(await downloaded(later), [undefined, from(2), undefined]);
});

test('a server that is busy is asked again', async () => {
  const busy = { status: 503 };
  assert.deepEqual(await downloaded([busy]), [undefined, undefined]);
  const faults = [broken, busy, { status: 429 }];
  assert.deepEqual(await downloaded(faults), [undefined, from(2), from(2), from(2)]);
});

test('a connection that hangs counts as broken', async () => {
  assert.deepEqual(await downloaded([{ ...broken, then: 'hang' }]), [undefined, from(2)]);
});

test('an address that says nothing is asked again', async () => {
  let waits = 0;
  server.reset(() => (waits > 1 ? undefined : { mute: true }));
  const heap = new Heap(content.length);
  const impatient = {
    pauses: PATIENT.pauses,
    get stall() {
      return waits++ === 0 ? 10 : PATIENT.stall;
    },
  };
  const fetcher = fetcherOf(addresses(), { patience: impatient, platform: server.client });
  await fetcher.weights(table, hash, heap);
  assert.deepEqual(heap.bytes, content);
});

test('damaged content is fetched once more, past every cache', async () => {
  assert.deepEqual(await downloaded([{ content: changed }]), [undefined, undefined]);
  assert.deepEqual(
    server.asked.map(({ cacheControl }) => cacheControl),
    [undefined, 'no-cache'],
  );
  const shorter = { content: content.subarray(0, BLOCK) };
  assert.deepEqual(await downloaded([shorter]), [undefined, undefined]);
});

test('what stays wrong is named', async () => {
  await rejectsCode(downloaded(always({ content: changed })), 'file-corrupt', FILE, 'block 2');
  assert.equal(server.asked.length, 2);
  // The file changes between the two halves.
  const exchanged = [broken, ...always({ content: changed })];
  await rejectsCode(downloaded(exchanged), 'file-corrupt', FILE, 'block 2');
  const cut = [{ ...broken, chunked: true }, ...always({ content: content.subarray(0, BLOCK) })];
  await rejectsCode(downloaded(cut), 'file-corrupt', FILE, `it has ${BLOCK} bytes`);
  const longer = new Uint8Array(content.length + 1);
  longer.set(content);
  const unsaid = always({ content: longer, chunked: true });
  await rejectsCode(downloaded(unsaid), 'file-corrupt', FILE, `longer than ${content.length}`);
  await rejectsCode(downloaded([{ status: 403 }]), 'fetch-failed', FILE, 'HTTP status 403');
  assert.equal(server.asked.length, 1);
});

test('a download that cannot go on says where it broke off, and why', async () => {
  const at = `byte ${2 * BLOCK + 1000}`;
  const dead = [broken, ...always({ after: 0 })];
  await rejectsCode(downloaded(dead), 'download-broken', server.address(FILE), at, 'TypeError');
  assert.equal(server.asked.length, 1 + 3);
  const silent = [broken, ...always({ after: 0, then: 'hang' })];
  await rejectsCode(downloaded(silent), 'download-broken', at, 'nothing came for 0.01 s');
  const busy = [broken, ...always({ status: 502 })];
  await rejectsCode(downloaded(busy), 'download-broken', at, 'HTTP status 502');
});

test('an address that never answers is tried twice', async () => {
  await rejectsCode(downloaded(always({ status: 500 })), 'fetch-failed', FILE, 'HTTP status 500');
  assert.equal(server.asked.length, 2);
  const nowhere = fetcherOf({ [FILE]: { at: 'http://127.0.0.1:1/x' } });
  const loading = nowhere.weights(table, hash, new Heap(content.length));
  await rejectsCode(loading, 'fetch-failed', 'http://127.0.0.1:1/x');
});

const STAGES: Record<string, { fault: Fault; reached: () => boolean }> = {
  'while bytes come': {
    fault: { after: 1000, then: 'hang' },
    reached: () => server.silent(FILE),
  },
  'before an answer': { fault: { mute: true }, reached: () => server.asked.length === 1 },
  'in a pause': { fault: { status: 503 }, reached: () => server.asked.length === 1 },
};
for (const [when, { fault, reached }] of Object.entries(STAGES)) {
  test(`an abort ends a download ${when}`, async () => {
    server.reset(() => fault);
    const controller = new AbortController();
    const { signal } = controller;
    const patience = { stall: 60_000, pauses: [60_000] };
    const fetcher = fetcherOf(addresses(), { signal, patience, platform: server.client });
    const loading = fetcher.weights(table, hash, new Heap(content.length));
    const refused = rejectsCode(loading, 'aborted');
    await until(reached);
    await new Promise((resolve) => setTimeout(resolve, 20)); // the answer is on its way
    controller.abort();
    await refused;
  });
}
