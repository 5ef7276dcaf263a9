// Contents that the caller has at hand: read where they lie, across a worker's border in parts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Content, letGo, lend } from '../../js_runtime/src/contents.ts';
import type { Place } from '../../js_runtime/src/protocol.ts';
import { BLOCK, fetcherOf, hash, Heap, rowOf, shards, tableOf } from './shards.ts';
import { rejectsCode } from './support.ts';

const FILE = 'weights-01.bin';
const content = shards[1];
const large = new Uint8Array(20 * BLOCK).map((_, i) => (i * i) % 253);

async function loaded(at: Content, bytes: Uint8Array) {
  const heap = new Heap(bytes.length);
  await fetcherOf({ [FILE]: { at } }).weights(tableOf(rowOf(FILE, bytes)), hash, heap);
  assert.deepEqual(heap.bytes, bytes);
}

test('from a Blob and from bytes', async () => {
  await loaded(new Blob([content]), content);
  await loaded(content, content);
  const shared = new Uint8Array(new SharedArrayBuffer(content.length));
  shared.set(content);
  await loaded(shared, content);
});

test('damaged contents are refused', async () => {
  const damaged = content.slice();
  (damaged[BLOCK + 1] as number) ^= 1;
  const load = (at: Content) =>
    fetcherOf({ [FILE]: { at } }).weights(tableOf(rowOf(FILE, content)), hash, new Heap());
  await rejectsCode(load(damaged), 'file-corrupt', FILE, 'block 1');
  await rejectsCode(load(new Blob([damaged])), 'file-corrupt', FILE, 'block 1');
  await rejectsCode(load(content.subarray(1)), 'file-corrupt', FILE, 'bytes instead of');
});

test('a file that cannot be read any more is told', async () => {
  const blob = new Blob([content]);
  blob.slice = () => {
    const stream = () =>
      new ReadableStream({ start: (controller) => controller.error(new DOMException('gone')) });
    return { stream } as unknown as Blob;
  };
  const loading = fetcherOf({ [FILE]: { at: blob } });
  const table = tableOf(rowOf(FILE, content));
  await rejectsCode(loading.weights(table, hash, new Heap()), 'fetch-failed', FILE, 'gone');
});

test('bytes that are transferred away meanwhile are missed at once', async () => {
  for (const lent of [false, true]) {
    const bytes = large.slice();
    const here = { [FILE]: { at: bytes } };
    const { addresses, ports } = lent ? lend(here) : { addresses: here, ports: [] };
    const fetcher = fetcherOf(addresses);
    fetcher.received = () => structuredClone(bytes, { transfer: [bytes.buffer] });
    const loading = fetcher.weights(tableOf(rowOf(FILE, large)), hash, new Heap(large.length));
    await rejectsCode(loading, 'fetch-failed', FILE, 'transferred');
    ports[0]?.close();
  }
});

test('a wish that comes when all was let go is granted with nothing', async () => {
  const addresses: Record<string, Place> = { large: { at: large } };
  const [port] = lend(addresses).ports as [MessagePort];
  letGo(addresses);
  const granted = new Promise<MessageEvent>((resolve) => (port.onmessage = resolve));
  port.postMessage({ id: 1, offset: 0, length: BLOCK });
  assert.deepEqual((await granted).data, { id: 1, bytes: new Uint8Array(0) });
  port.close();
});

test('many bytes are lent to a worker, few are copied, and all come to the same', async () => {
  const addresses: Record<string, Place> = {
    large: { at: large, sha256: 'x' },
    small: { at: content },
    elsewhere: { at: 'http://localhost/' },
  };
  const { addresses: lent, ports } = lend(addresses);
  assert.equal(ports.length, 1);
  assert.deepEqual([lent.small, lent.elsewhere], [addresses.small, addresses.elsewhere]);
  const { at, sha256 } = lent.large as Place;
  assert.deepEqual([sha256, (at as { length: number }).length], ['x', large.length]);
  await loaded(at as Content, large);
  assert.equal(large.length, 20 * BLOCK); // still the caller's
  ports[0]?.close();
});

test('what is lent is let go of once it is not needed', () => {
  const addresses: Record<string, Place> = {
    large: { at: large },
    blob: { at: new Blob([large]) },
    small: { at: content },
    elsewhere: { at: 'http://localhost/' },
  };
  letGo(addresses);
  assert.deepEqual(Object.keys(addresses), ['small', 'elsewhere']);
});
