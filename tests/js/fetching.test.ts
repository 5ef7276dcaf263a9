// Fetching: over HTTP and from the disk; whatever is not what the manifest says is refused.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { hexadecimal } from '../../js_runtime/src/instance.ts';
import { Fetcher, Meter } from '../../js_runtime/src/fetching.ts';
import { node } from '../../js_runtime/src/node.ts';
import { rejectsCode } from './support.ts';

const BLOCK = 65536;
const weights = Uint8Array.from({ length: 2 * BLOCK + 100 }, (_, i) => (i * 7) % 251);
const shards = [weights.subarray(0, BLOCK), weights.subarray(BLOCK)];
const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const hash = async (bytes: Uint8Array<ArrayBuffer>) =>
  hexadecimal(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)));
const blocks = (bytes: Uint8Array) =>
  Array.from({ length: Math.ceil(bytes.length / BLOCK) }, (_, i) =>
    sha(bytes.subarray(i * BLOCK, (i + 1) * BLOCK)),
  );
const entries = shards.map((bytes, i) => ({
  file: `weights-0${i}.bin`,
  bytes: bytes.length,
  sha256: blocks(bytes),
}));
const table = {
  bytes: weights.length,
  blockBytes: BLOCK,
  shards: entries,
  tensors: [],
  prepared: { bytes: 0, tensors: [] },
};

let folder: string;
let server: Server;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'wtw-'));
  shards.forEach((bytes, i) => writeFileSync(join(folder, `weights-0${i}.bin`), bytes));
  server = createServer(({ url }, response) => {
    const i = ['/weights-00.bin', '/weights-01.bin'].indexOf(url as string);
    if (url === '/slow') return void response.write('x');
    if (url === '/cut') return void response.write('x', () => response.destroy());
    response.writeHead(i < 0 ? (url === '/broken' ? 500 : 404) : 200).end(shards[i]);
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
});
after(() => {
  rmSync(folder, { recursive: true });
  server.closeAllConnections();
  server.close();
});

const sources = {
  disk: (file: string) => pathToFileURL(join(folder, file)).href,
  http: (file: string) => `http://127.0.0.1:${(server.address() as AddressInfo).port}/${file}`,
};

function fetcher(
  source: keyof typeof sources,
  received = (_: number) => {},
  signal = new AbortController().signal,
) {
  const files = ['weights-00.bin', 'weights-01.bin', 'missing', 'broken', 'slow', 'cut'];
  const addresses = Object.fromEntries(files.map((file) => [file, sources[source](file)]));
  return new Fetcher(node, addresses, signal, received);
}

for (const source of ['disk', 'http'] as const) {
  test(`weights arrive at their places from ${source}`, async () => {
    const heap = new Uint8Array(weights.length);
    let bytes = 0;
    const fetching = fetcher(source, (n) => (bytes += n));
    await fetching.weights(table, hash, (offset, block) => heap.set(block, offset));
    assert.deepEqual(heap, weights);
    assert.equal(bytes, weights.length);
  });

  test(`what is not as the manifest says is refused from ${source}`, async () => {
    const [first, second] = entries as [(typeof entries)[0], (typeof entries)[0]];
    const stored: number[] = [];
    const load = (shard: object) =>
      fetcher(source).weights({ ...table, shards: [{ ...second, ...shard }] }, hash, (offset) =>
        stored.push(offset),
      );
    const wrong = [second.sha256[0] as string, sha(Uint8Array.of(1))];
    await rejectsCode(load({ sha256: wrong }), 'file-corrupt', 'weights-01.bin', 'block 1');
    assert.deepEqual(stored, [0]); // nothing unchecked is stored
    await rejectsCode(load({ bytes: second.bytes + 1 }), 'file-corrupt', 'ends before byte 65637');
    await rejectsCode(
      load({ ...first, file: 'weights-01.bin', sha256: [second.sha256[0]] }),
      'file-corrupt',
      'longer than 65536',
    );
    await rejectsCode(load({ file: 'missing' }), 'file-missing', 'missing');
    await rejectsCode(load({ file: 'unlisted' }), 'file-missing', 'unlisted');
  });
}

test('the rest of a download follows from its pace', async () => {
  const meter = new Meter(1000, () => {});
  assert.equal(meter.rest(), Infinity);
  await new Promise((resolve) => setTimeout(resolve, 5));
  meter.add(500);
  const half = meter.rest();
  assert.ok(half > 0 && half < Infinity);
  meter.add(500);
  assert.equal(meter.rest(), 0);
});

test('a failing server is named', async () => {
  await rejectsCode(fetcher('http').text('broken'), 'fetch-failed', '/broken', 'HTTP status 500');
  await rejectsCode(fetcher('http').text('cut'), 'fetch-failed', '/cut');
  await rejectsCode(node.open(new URL('http://127.0.0.1:1/x')), 'fetch-failed', '127.0.0.1:1');
});

test('an abort ends a download', async () => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 20);
  await rejectsCode(fetcher('http', undefined, controller.signal).text('slow'), 'aborted');
});

test('progress is reported not too often, and at the end', () => {
  const reports: number[] = [];
  const meter = new Meter(1000, ({ loaded }) => reports.push(loaded));
  for (let i = 0; i < 1000; ++i) meter.add(1);
  assert.equal(reports[0], 1);
  assert.equal(reports.at(-1), 1000);
  assert.ok(reports.length < 10);
});
