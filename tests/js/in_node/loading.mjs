// How a package is loaded in Node: from where, how far, what is checked, and what is told.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { bits, entry, fails, folder, inputs, load, loadCounter, using } from './shared.mjs';

const usual = await using({ worker: false }, async (model) => bits(await model.run(inputs())));

/** The address of a server of all packages, which sends weights as it is told. */
async function served(t, sendWeights) {
  const server = createServer(async ({ url, headers }, response) => {
    const data = await readFile(`${folder}/${url}`);
    response.setHeader('content-type', url.endsWith('.wasm') ? 'application/wasm' : 'text/plain');
    if (url.includes('weights-')) await sendWeights(data, response, headers.range);
    else response.end(data);
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  t.after(() => server.close().closeAllConnections());
  return `http://127.0.0.1:${server.address().port}`;
}

test('a slow download changes nothing', async (t) => {
  const address = await served(t, (data, response) => {
    response.write(data.subarray(0, 1000));
    setTimeout(() => response.end(data.subarray(1000)), 300);
  });
  const at = (name) => ({ baseUrl: `${address}/${name}` });
  await using({ ...at('sample'), threads: 2 }, async (model) => {
    assert.equal(model.info.memory.arena, 0); // that of the warm-up is gone
    assert.deepEqual(bits(await model.run(inputs())), usual);
  });
  const count = async (model) => (await model.run({ x: Float32Array.of(1, 1, 1) })).output.data[0];
  await using(at('counter'), async (model) => assert.equal(await count(model), 2), loadCounter);
});

test('a package that is served goes on where the connection broke', async (t) => {
  const ranges = [];
  const BLOCK = 1 << 19;
  const plan = (await readFile(`${folder}/sample/plan.bin`)).length;
  let loaded = 0;
  const address = await served(t, async (data, response, range) => {
    ranges.push(range);
    const first = Number(/\d+/.exec(range)?.[0] ?? 0);
    response.setHeader('content-length', data.length - first);
    if (first > 0) {
      response.setHeader('content-range', `bytes ${first}-${data.length - 1}/${data.length}`);
      return void response.writeHead(206).end(data.subarray(first));
    }
    response.write(data.subarray(0, BLOCK));
    // A byte at a time, each of which may be reported, until the block is known to be there.
    for (let at = BLOCK; loaded - plan < BLOCK && at < data.length; ++at) {
      await new Promise((resolve) => setTimeout(resolve, 60));
      response.write(data.subarray(at, at + 1));
    }
    response.destroy();
  });
  const baseUrl = `${address}/sample`;
  for (const worker of [undefined, false]) {
    loaded = 0;
    const onProgress = (progress) => ({ loaded } = progress);
    await using({ baseUrl, worker, onProgress }, async (model) => {
      assert.deepEqual(bits(await model.run(inputs())), usual);
    });
    assert.deepEqual(ranges.splice(0), [undefined, `bytes=${BLOCK}-`]);
  }
});

test('baseUrl moves every file', () =>
  using({ baseUrl: pathToFileURL(`${folder}/sample`) }, async (model) => {
    assert.deepEqual(bits(await model.run(inputs())), usual);
  }));

const NAMES = ['model.json', 'plan.bin', 'weights-00.bin', 'golden.bin'].concat(
  ['threads', 'single'].map((kind) => `runtime-relaxed-${kind}.wasm`),
  ['threads', 'single'].map((kind) => `runtime-simd128-${kind}.wasm`),
);
const contents = async (as) => {
  const read = async (name) => [name, as(await readFile(`${folder}/sample/${name}`))];
  return Object.fromEntries(await Promise.all(NAMES.map(read)));
};
const KINDS = {
  path: () => undefined,
  Buffer: (data) => data,
  ArrayBuffer: (data) => new Uint8Array(data).buffer,
  Blob: (data) => new Blob([data]),
};
for (const [kind, as] of Object.entries(KINDS)) {
  for (const worker of [undefined, false]) {
    test(`files may be at hand: each a ${kind}, with worker ${worker}`, async () => {
      const files = kind === 'path' ? {} : await contents(as);
      const baseUrl = kind === 'path' ? `${folder}/sample` : '/nowhere';
      await using({ baseUrl, files, worker }, async (model) => {
        assert.deepEqual(bits(await model.run(inputs())), usual);
        assert.ok((await model.selfTest()).passed);
      });
      for (const data of Object.values(files)) assert.ok((data.size ?? data.byteLength) > 4096);
    });
  }
}

test('what is at hand is checked', async () => {
  const { variant } = await using({}, ({ info }) => info);
  for (const name of ['plan.bin', 'weights-00.bin', `runtime-${variant}.wasm`]) {
    const data = await readFile(`${folder}/sample/${name}`);
    data[data.length >> 1] ^= 1;
    await fails(load({ files: { [name]: data } }), 'WTW304', name);
    await fails(load({ files: { [name]: '/nowhere' } }), 'WTW303', '/nowhere');
  }
  const words = await readFile(`${folder}/sample/model.json`, 'utf8');
  const files = { 'model.json': Buffer.from(words.replace('"max":8', '"max":9')) };
  await fails(load({ files }), 'WTW304', 'model.json');
});

for (const worker of [undefined, false]) {
  for (const phase of ['download', 'prepare']) {
    test(`an abort ends the phase ${phase}, with worker ${worker}`, async () => {
      const controller = new AbortController();
      const onProgress = (progress) => progress.phase === phase && controller.abort();
      await fails(load({ worker, onProgress, signal: controller.signal }), 'WTW405');
    });
  }
}

test('progress ends with everything', async () => {
  const reports = [];
  await using({ onProgress: (progress) => reports.push(progress) }, () => {});
  const { loaded, total } = reports.at(-1);
  assert.equal(loaded, total);
  const phases = [...new Set(reports.map(({ phase }) => phase))];
  assert.deepEqual(phases, ['download', 'prepare']);
});

test('require works, and an idle model does not keep the process alive', async () => {
  const { load: required } = createRequire(import.meta.url)(`${folder}/sample/index.cjs`);
  await using({}, async (model) => assert.ok(model.info.threads >= 1), required);
  const weights = `${folder}/sample/weights-00.bin`;
  const script = `const { load } = await import('${entry('sample')}'); await load();
    const { readFileSync } = await import('node:fs');
    await load({ files: { 'weights-00.bin': readFileSync('${weights}') } });
    console.log('loaded');`;
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    timeout: 60000,
  });
  assert.deepEqual([status, String(stdout)], [0, 'loaded\n']);
});
