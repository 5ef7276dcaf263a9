// The cache of a browser, which a test's own stands in for: what is found, kept, dropped, evicted.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openCache, PackageCache } from '../../js_runtime/src/cache.ts';
import type { Manifest } from '../../js_runtime/src/manifest.ts';
import { FaultyServer } from './faulty_server.ts';
import {
  BLOCK,
  fetcherOf,
  hash,
  Heap,
  rowOf,
  rows,
  shards,
  table,
  tableOf,
  weights,
} from './shards.ts';
import { rejectsCode, sampleManifest } from './support.ts';

/** As much of a Cache as is used; `room` is its quota in bytes. */
class FakeCache {
  readonly entries = new Map<string, Uint8Array>();
  room = Infinity;
  /** Names of the errors of the puts to come. */
  readonly refusals: string[] = [];
  private readonly writing: Promise<unknown>[] = [];

  async match(url: string): Promise<Response | undefined> {
    const entry = this.entries.get(url);
    const headers = { 'content-length': String(entry?.length) };
    return entry && new Response(new Uint8Array(entry), { headers });
  }

  put(url: string, response: Response): Promise<void> {
    const writing = this.store(url, response);
    this.writing.push(writing.catch(() => {}));
    return writing;
  }

  delete = async (url: string) => this.entries.delete(url);
  keys = async () => [...this.entries.keys()].map((url) => ({ url }));

  /** When all that was begun is written. */
  async settled(): Promise<void> {
    for (let i = 0; i < 20; ++i) {
      await Promise.all(this.writing);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  private async store(url: string, response: Response): Promise<void> {
    const refusal = this.refusals.shift();
    if (refusal) throw new DOMException('', refusal);
    const bytes = new Uint8Array(await response.arrayBuffer());
    const used = [...this.entries.values()].reduce((sum, { length }) => sum + length, 0);
    if (used + bytes.length > this.room) throw new DOMException('', 'QuotaExceededError');
    this.entries.set(url, bytes);
  }
}

const server = new FaultyServer({ 'weights-00.bin': shards[0], 'weights-01.bin': shards[1] });
before(() => server.listen());
after(() => server.close());

const storageOf = (cache: FakeCache) => () =>
  ({ open: async () => cache }) as unknown as CacheStorage;
const manifestOf = (name = 'sample', table_ = table): Manifest => ({
  ...sampleManifest(),
  name,
  weights: table_,
});

/** Loads the weights as a visit does; gives the bytes that came from the cache. */
async function visit(cache: FakeCache, manifest = manifestOf(), expected = weights) {
  server.asked.length = 0;
  const heap = new Heap(expected.length);
  const files = manifest.weights.shards.map(({ file }) => [file, { at: server.address(file) }]);
  const fetcher = fetcherOf(Object.fromEntries(files));
  fetcher.cache = await PackageCache.of(openCache(storageOf(cache)), manifest);
  let [total, cached] = [0, 0];
  fetcher.received = (bytes, fromCache) => {
    total += bytes;
    if (fromCache) cached += bytes;
  };
  await fetcher.weights(manifest.weights, hash, heap);
  assert.deepEqual(heap.bytes, expected);
  assert.equal(total, expected.length);
  await cache.settled();
  return cached;
}

test('a second visit fetches no weights', async () => {
  const cache = new FakeCache();
  assert.equal(await visit(cache), 0);
  assert.equal(server.asked.length, 2);
  assert.equal(cache.entries.size, 2);
  assert.equal(await visit(cache), weights.length);
  assert.equal(server.asked.length, 0);
});

test('a new version fetches what has changed, and takes the place of the old one', async () => {
  const cache = new FakeCache();
  await visit(cache);
  await visit(cache, manifestOf('@other/package')); // another package with the same files
  assert.equal(cache.entries.size, 4);
  const changed = weights.map((byte, i) => (i < shards[0].length ? byte : byte ^ 1));
  const second = changed.subarray(shards[0].length);
  server.reset((file) => (file === 'weights-01.bin' ? { content: second } : undefined));
  const next = manifestOf('sample', tableOf(rows[0], rowOf('weights-01.bin', second)));
  assert.equal(await visit(cache, next, changed), shards[0].length);
  assert.deepEqual(server.ranges('weights-00.bin'), []);
  assert.equal(cache.entries.size, 4);
  server.reset();
  assert.equal(await visit(cache, manifestOf('@other/package')), weights.length);
});

test('a damaged entry is replaced, behind what of it was good', async () => {
  const cache = new FakeCache();
  await visit(cache);
  const [url, entry] = [...cache.entries].find(([, { length }]) => length === shards[1].length) as [
    string,
    Uint8Array,
  ];
  const damaged = entry.slice();
  (damaged[2 * BLOCK] as number) ^= 1;
  for (const stored of [damaged, entry.subarray(0, BLOCK)]) {
    cache.entries.set(url, stored);
    const good = stored === damaged ? shards[0].length + 3 * BLOCK : shards[0].length;
    assert.equal(await visit(cache), good);
    const range = stored === damaged ? `bytes=${2 * BLOCK}-` : undefined;
    assert.deepEqual(server.ranges('weights-01.bin'), [range]);
    assert.deepEqual(cache.entries.get(url), entry);
  }
});

test('a download that fails leaves nothing that is not whole', async () => {
  const cache = new FakeCache();
  server.reset((file, n) =>
    file === 'weights-01.bin' ? { after: n === 0 ? BLOCK + 1 : 0 } : undefined,
  );
  await rejectsCode(visit(cache), 'download-broken', `byte ${BLOCK + 1}`);
  await cache.settled();
  server.reset();
  assert.deepEqual([...cache.entries.values()], [shards[0]]);
  assert.equal(await visit(cache), shards[0].length); // the next visit goes on from there
});

test('a full, absent, forbidden or silent cache is as good as none', async () => {
  const cache = new FakeCache();
  cache.room = shards[0].length;
  assert.equal(await visit(cache), 0);
  assert.ok(cache.entries.size <= 1);
  assert.equal(await openCache(() => undefined), undefined);
  const forbidden = () => {
    throw new DOMException('', 'SecurityError');
  };
  assert.equal(await openCache(forbidden), undefined);
  const open = () => Promise.reject(new DOMException('', 'UnknownError'));
  assert.equal(await openCache(() => ({ open }) as unknown as CacheStorage), undefined);
  const never = () => new Promise(() => {});
  const silent = () => ({ open: never }) as unknown as CacheStorage;
  assert.equal(await openCache(silent), undefined);
});

test('where no streams can be stored, bytes are', async () => {
  const cache = new FakeCache();
  cache.refusals.push('NotSupportedError');
  await visit(cache);
  assert.equal(cache.entries.size, 2);
  cache.entries.clear();
  cache.refusals.push('UnknownError'); // no further attempt
  await visit(cache);
  assert.equal(cache.entries.size, 0);
});

test('two visits at once do not harm each other', async () => {
  const cache = new FakeCache();
  await Promise.all([visit(cache), visit(cache)]);
  assert.equal(cache.entries.size, 2);
  assert.equal(await visit(cache), weights.length);
});
