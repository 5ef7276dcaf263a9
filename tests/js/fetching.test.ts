// Fetching: over HTTP, from the disk and from memory; whatever is not what the manifest says is
// refused.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { FaultyServer } from './faulty_server.ts';
import { fetcherOf, hash, Heap, rows, sha, shards, table, tableOf, weights } from './shards.ts';
import { rejectsCode, until } from './support.ts';

const FILES = { 'weights-00.bin': shards[0], 'weights-01.bin': shards[1] };
const NAMES = [...Object.keys(FILES), 'missing'];

const server = new FaultyServer(FILES);
let folder: string;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'wtw-'));
  for (const [file, bytes] of Object.entries(FILES)) writeFileSync(join(folder, file), bytes);
  await server.listen();
});
after(() => {
  rmSync(folder, { recursive: true });
  server.close();
});

const sources = {
  disk: (file: string) => ({ at: pathToFileURL(join(folder, file)).href }),
  http: (file: string) => ({ at: server.address(file) }),
};
const fetcher = (source: keyof typeof sources) =>
  fetcherOf(Object.fromEntries(NAMES.map((file) => [file, sources[source](file)])));

for (const source of ['disk', 'http'] as const) {
  test(`weights arrive at their places from ${source}`, async () => {
    const heap = new Heap();
    const fetching = fetcher(source);
    let bytes = 0;
    fetching.received = (more) => (bytes += more);
    await fetching.weights(table, hash, heap);
    assert.deepEqual(heap.bytes, weights);
    assert.equal(bytes, weights.length);
  });

  test(`what is not as the manifest says is refused from ${source}`, async () => {
    const [first, second] = rows;
    const load = (row: object, heap = new Heap()) =>
      fetcher(source).weights(tableOf({ ...second, ...row }), hash, heap);
    const heap = new Heap();
    const wrong = [second.sha256[0] as string, sha(Uint8Array.of(1)), ...second.sha256.slice(2)];
    await rejectsCode(load({ sha256: wrong }, heap), 'file-corrupt', 'weights-01.bin', 'block 1');
    assert.deepEqual(heap.written, [0]); // nothing unchecked is stored
    const { bytes } = second;
    const sizes = [bytes + 1, first.bytes];
    for (const size of sizes) {
      const instead = `has ${bytes} bytes instead of ${size}`;
      await rejectsCode(load({ bytes: size }), 'file-corrupt', 'weights-01.bin', instead);
    }
    await rejectsCode(load({ file: 'missing' }), 'file-missing', 'missing');
    await rejectsCode(load({ file: 'unlisted' }), 'file-missing', 'unlisted');
  });
}

test('shards arrive side by side, three at a time', async () => {
  const files = Object.fromEntries(Array.from({ length: 7 }, (_, i) => [`s${i}`, shards[0]]));
  const held = new FaultyServer(files);
  held.fault = () => ({ after: 1000, then: 'hang' });
  await held.listen();
  try {
    const places = Object.keys(files).map((file) => [file, { at: held.address(file) }]);
    const controller = new AbortController();
    const fetching = fetcherOf(Object.fromEntries(places), {
      signal: controller.signal,
      patience: { stall: 60_000, pauses: [] },
    });
    const loading = fetching.weights(
      tableOf(...Object.keys(files).map((file) => ({ ...rows[0], file }))),
      hash,
      new Heap(7 * shards[0].length),
    );
    const refused = rejectsCode(loading, 'aborted');
    await until(() => held.asked.length >= 3);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(held.asked.length, 3);
    controller.abort();
    await refused;
  } finally {
    held.close();
  }
});

test('a file with a hash of its own is checked by it', async () => {
  const places = (sha256?: string) => ({
    'weights-00.bin': { at: server.address('weights-00.bin'), sha256 },
  });
  const parse = (bytes: Uint8Array) => bytes.length;
  const parsed = (sha256?: string, most = Infinity) =>
    fetcherOf(places(sha256)).parsed('weights-00.bin', most, hash, parse);
  const { length } = shards[0];
  assert.equal(await parsed(), length);
  assert.equal(await parsed(sha(shards[0])), length);
  assert.ok((await parsed(undefined, 1000)) < length, 'the rest of a long file is not read');
  await rejectsCode(parsed(sha(shards[1])), 'file-corrupt', '/weights-00.bin', 'another SHA-256');
});
