// Every fault of a server, for every file of a package: which code a load ends with, and whether it
// goes on by itself where only the first answer was wrong.
//
// Timers run 50 times as fast as they say: what is allowed to take 111 s (five tries of 20 s, and
// pauses of 10.25 s) takes 2.2 s here.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { after, test } from 'node:test';
import { bits, fails, folder, hurry, inputs, load, using } from './shared.mjs';

hurry(50);
const timeout = 30_000;

const variant = 'simd128-single';
const FILES = ['model.json', 'plan.bin', 'weights-00.bin', `runtime-${variant}.wasm`];
const content = Object.fromEntries(
  await Promise.all(FILES.map(async (file) => [file, await readFile(`${folder}/sample/${file}`)])),
);
const TYPES = {
  json: 'application/json',
  wasm: 'application/wasm',
  bin: 'application/octet-stream',
};
const typeOf = (file) => TYPES[file.split('.').pop()];
const PAGE = '<!doctype html><title>An app</title>';

const status = (code) => (response) => response.writeHead(code).end();
const body = (change, headers) => (response, data, type) => {
  const changed = change(data);
  const length = { 'content-length': changed.length };
  response.writeHead(200, { 'content-type': type, ...length, ...headers }).end(changed);
};
/** Part of the file that says it is another part. */
const range = (first, end) => (response, data, type) => {
  const part = data.subarray(first, end);
  const said = `bytes ${first}-${first + part.length - 1}/${data.length}`;
  const headers = { 'content-type': type, 'content-range': said, 'content-length': part.length };
  response.writeHead(206, headers).end(part);
};
/** The first half, and then? */
const half = (then) => (response, data, type) => {
  response.writeHead(200, { 'content-type': type, 'content-length': data.length });
  response.write(data.subarray(0, data.length >> 1), () => then(response));
};

const [MISSING, DAMAGED, UNREACHABLE, BROKEN] = ['WTW303', 'WTW304', 'WTW404', 'WTW410'];
const LOADS = 'loads';
// Of what is there before it is whole, files with a size in model.json tell how far they came.
const broken = { 'model.json': UNREACHABLE, [FILES[3]]: UNREACHABLE, others: BROKEN };
const damaged = { 'model.json': 'WTW302', others: DAMAGED };
const empty = { 'model.json': 'WTW302', [FILES[3]]: DAMAGED, others: UNREACHABLE };

/** What is wrong, what comes of it where it stays, and where only the first answer has it. */
const FAULTS = {
  'no answer': [() => {}, UNREACHABLE, LOADS],
  'a connection that breaks at once': [(response) => response.destroy(), UNREACHABLE, LOADS],
  'a connection that breaks half-way': [half((response) => response.destroy()), broken, LOADS],
  'silence half-way': [half(() => {}), broken, LOADS],
  'status 304': [status(304), UNREACHABLE, UNREACHABLE],
  'status 403': [status(403), UNREACHABLE, UNREACHABLE],
  'status 404': [status(404), MISSING, MISSING],
  'status 429': [status(429), UNREACHABLE, LOADS],
  'status 500': [status(500), UNREACHABLE, LOADS],
  'status 204, without content': [status(204), empty, LOADS],
  'a circle of addresses': [
    (response) => response.writeHead(302, { location: '' }).end(),
    UNREACHABLE,
    LOADS,
  ],
  'a range that begins later': [range(100), DAMAGED, LOADS],
  'a range that ends earlier': [range(0, 100), broken, LOADS],
  'a range without its place': [
    (response, data) => response.writeHead(206).end(data),
    LOADS,
    LOADS,
  ],
  'another type': [body((data) => data, { 'content-type': 'text/plain' }), LOADS, LOADS],
  'the type of wasm': [body((data) => data, { 'content-type': 'application/wasm' }), LOADS, LOADS],
  'a page': [body(() => PAGE, { 'content-type': 'text/html' }), MISSING, MISSING],
  'a page of another type': [body(() => PAGE), damaged, LOADS],
  nothing: [body(() => ''), damaged, LOADS],
  'a byte too few': [body((data) => data.subarray(0, -1)), DAMAGED, LOADS],
  'a byte too many': [body((data) => Buffer.concat([data, data.subarray(0, 1)])), damaged, LOADS],
  'an encoding that is none': [
    body((data) => data, { 'content-encoding': 'gzip' }),
    UNREACHABLE,
    LOADS,
  ],
};

/** The fault of the `n`th answer for a file. */
let faultOf = () => undefined;
const asked = new Map();
const server = createServer(({ url }, response) => {
  const file = url.split('/').pop();
  const n = asked.get(file) ?? 0;
  asked.set(file, n + 1);
  (faultOf(file, n) ?? body((data) => data))(response, content[file], typeOf(file));
});
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
after(() => server.close().closeAllConnections());
const options = { baseUrl: `http://127.0.0.1:${server.address().port}`, variant, worker: false };

const usual = await using({ variant, worker: false }, async (model) =>
  bits(await model.run(inputs())),
);

async function outcome(file, expected) {
  asked.clear();
  if (expected !== LOADS) return fails(load(options), expected, file);
  await using(options, async (model) => assert.deepEqual(bits(await model.run(inputs())), usual));
}

for (const [name, [fault, always, once]] of Object.entries(FAULTS)) {
  for (const file of FILES) {
    const expected = typeof always === 'string' ? always : (always[file] ?? always.others);
    test(`${name} for ${file}`, { timeout }, async () => {
      faultOf = (asked) => (asked === file ? fault : undefined);
      await outcome(file, expected);
      faultOf = (asked, n) => (asked === file && n === 0 ? fault : undefined);
      await outcome(file, once);
    });
  }
}
