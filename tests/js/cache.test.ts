// The cache of a browser, which a test's own stands in for: what is found, kept, dropped, evicted.
import assert from 'node:assert/strict';
import { after, before, test, type TestContext } from 'node:test';
import { openCache, PackageCache, PROMPT_MS } from '../../js_runtime/src/cache.ts';
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
import { rejectsCode, sampleManifest, until } from './support.ts';

/** As much of a Cache as is used; `room` is its quota in bytes. */
class FakeCache {
  readonly entries = new Map<string, Uint8Array>();
  room = Infinity;
  /** Names of the errors of the puts to come. */
  readonly refusals: string[] = [];
  /** What pages were storing when they were closed: as WebKit does, it drops what is put there. */
  readonly cutOff = new Set<string>();

  async match(url: string): Promise<Response | undefined> {
    const entry = this.entries.get(url);
    const headers = { 'content-length': String(entry?.length) };
    return entry && new Response(new Uint8Array(entry), { headers });
  }

  delete = async (url: string) => this.cutOff.delete(url) || this.entries.delete(url);
  keys = async () => [...this.entries.keys()].map((url) => ({ url }));

  async put(url: string, response: Response): Promise<void> {
    const refusal = this.refusals.shift();
    if (refusal) throw new DOMException('', refusal);
    const bytes = await copied(response);
    const used = [...this.entries.values()].reduce((sum, { length }) => sum + length, 0);
    if (used + bytes.length > this.room) throw new DOMException('', 'QuotaExceededError');
    if (!this.cutOff.has(url)) this.entries.set(url, bytes);
  }
}

// As browsers store a stream: each part is copied before the next is asked for.
async function copied({ body }: Response): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of body ?? []) parts.push(part.slice());
  return new Uint8Array(Buffer.concat(parts));
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
  const fetcher = fetcherOf(Object.fromEntries(files), { platform: server.client });
  fetcher.cache = await PackageCache.of(openCache(storageOf(cache)), manifest);
  let [total, cached] = [0, 0];
  fetcher.received = (bytes, fromCache) => {
    total += bytes;
    if (fromCache) cached += bytes;
  };
  await fetcher.weights(manifest.weights, hash, heap);
  assert.deepEqual(heap.bytes, expected);
  assert.equal(total, expected.length);
  await fetcher.cache?.['writing']?.catch(() => {}); // it goes on while the model runs
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
  await until(() => cache.entries.size > 0);
  server.reset();
  assert.deepEqual([...cache.entries.values()], [shards[0]]);
  assert.equal(await visit(cache), shards[0].length); // the next visit goes on from there
});

test('a full, absent, forbidden or silent cache is as good as none', async (t) => {
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
  soon(t, PROMPT_MS);
  assert.equal(await openCache(silent), undefined);
});

/** Timers of so many milliseconds go off at once. */
function soon({ mock }: TestContext, milliseconds: number): void {
  const real = setTimeout;
  const start = (callback: () => void, ms: number) => real(callback, ms === milliseconds ? 1 : ms);
  mock.method(globalThis, 'setTimeout', start as typeof setTimeout);
}

test('a cache that falls silent is waited for once', async (t) => {
  const cache = new FakeCache();
  await visit(cache);
  let asked = 0;
  const never = () => new Promise<never>(() => {});
  const match = () => (++asked, never());
  Object.assign(cache, { match, delete: never }); // a delete is waited for by no load
  soon(t, PROMPT_MS);
  const files = Array.from({ length: 9 }, (_, i) =>
    rowOf(`weights-0${i % 2}.bin`, shards[i % 2 ? 1 : 0]),
  );
  const expected = Uint8Array.from(files.flatMap((_, i) => [...shards[i % 2 ? 1 : 0]]));
  assert.equal(await visit(cache, manifestOf('sample', tableOf(...files)), expected), 0);
  assert.ok(asked <= 3, `${asked}`); // by the three that load side by side
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

test('what a closed page has left half stored is stored by the next one', async () => {
  const cache = new FakeCache();
  await visit(cache);
  for (const url of cache.entries.keys()) cache.cutOff.add(url);
  cache.entries.clear();
  assert.equal(await visit(cache), 0);
  assert.equal(await visit(cache), weights.length);
});

test('two visits at once do not harm each other', async () => {
  const cache = new FakeCache();
  await Promise.all([visit(cache), visit(cache)]);
  assert.equal(cache.entries.size, 2);
  assert.equal(await visit(cache), weights.length);
});
