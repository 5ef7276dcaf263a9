// The report on a place that the test makes up.
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { diagnoserFor } from '../../js_runtime/src/diagnose.ts';
import type { Platform } from '../../js_runtime/src/platform.ts';
import { browserSurroundings } from '../../js_runtime/src/surroundings.ts';

const COOP = 'Cross-Origin-Opener-Policy';
const COEP = 'Cross-Origin-Embedder-Policy';
const UNSHARED = 'the page is not cross-origin isolated';

const changed = new Map<string, PropertyDescriptor | undefined>();
afterEach(() => {
  for (const [name, was] of changed) {
    if (was) Object.defineProperty(globalThis, name, was);
    else Reflect.deleteProperty(globalThis, name);
  }
  changed.clear();
});

/** Puts a page's globals in place until the end of the test. */
function page(globals: Record<string, unknown>): void {
  const self = {};
  const all = { isSecureContext: true, document: {}, location: { href: 'x' }, self, ...globals };
  for (const [name, value] of Object.entries(all)) {
    changed.set(name, Object.getOwnPropertyDescriptor(globalThis, name));
    Object.defineProperty(globalThis, name, { value, configurable: true });
  }
  Object.assign(globalThis.self, { top: globals.top ?? globalThis.self, ...globals });
}

const answering = (headers: Record<string, string>) => ({
  navigator: { userAgent: 'Browser/1', hardwareConcurrency: 4 },
  fetch: async () => new Response(null, { headers }),
});

const diagnosed = (unshared: string | undefined) =>
  diagnoserFor(
    { cores: () => 4, unshared: () => unshared } as unknown as Platform,
    browserSurroundings,
  )('my-model 1.2.3');

test('an isolated page gets threads, and no advice on headers', async () => {
  page({ ...answering({}), crossOriginIsolated: true });
  const { variant, threads, why, facts, advice, text } = await diagnosed(undefined);
  assert.ok(variant?.endsWith('-threads') && threads === 4 && !why.includes('one thread'));
  assert.equal(facts.isolated, 'yes');
  assert.ok(!advice.some((line) => line.includes('Cross-Origin')));
  assert.ok(text.startsWith(`package: my-model 1.2.3\nvariant: ${variant}, threads: 4\n`), text);
  assert.ok(text.includes('\nplatform: Browser/1\n') && text.includes('\ngpu: no WebGPU'), text);
});

const HEADERS: readonly (readonly [string, Record<string, string>, string[], string[]])[] = [
  ['both headers', {}, [`${COOP} is missing`, `${COEP} is missing`], [COOP, COEP]],
  ['one header', { [COOP]: 'same-origin; report-to="x"' }, [`${COEP} is missing`], [COEP]],
  [
    'the right value',
    { [COOP]: 'same-origin-allow-popups', [COEP]: 'credentialless' },
    [`${COOP} is same-origin-allow-popups`],
    [COOP],
  ],
  [
    'nothing',
    { [COOP]: 'same-origin', [COEP]: 'require-corp' },
    ['loaded without its headers'],
    [],
  ],
];
for (const [what, headers, faults, lines] of HEADERS) {
  test(`a page that lacks ${what} is told`, async () => {
    page(answering(headers));
    const { variant, threads, why, facts, advice, text } = await diagnosed(UNSHARED);
    assert.ok(variant?.endsWith('-single') && threads === 1);
    assert.ok(why.includes(UNSHARED));
    for (const fault of faults) assert.ok(facts.isolated.includes(fault), facts.isolated);
    const values = { [COOP]: 'same-origin', [COEP]: 'require-corp' };
    for (const [name, value] of Object.entries(values)) {
      const line = `\n  ${name}: ${value}`;
      assert.equal(advice.join('\n').includes(line), lines.includes(name), advice.join('\n'));
      assert.equal(text.includes(line), lines.includes(name));
    }
  });
}

test('an insecure page in a frame whose server does not answer', async () => {
  page({ ...answering({}), isSecureContext: false, top: {}, fetch: () => Promise.reject('no') });
  const { facts, advice } = await diagnosed(UNSHARED);
  for (const fault of ['not secure', 'cannot be read', 'in a frame']) {
    assert.ok(facts.isolated.includes(fault), facts.isolated);
  }
  assert.equal(advice.filter((line) => /https|allow="cross-origin-isolated"/.test(line)).length, 2);
});

test('what the browser tells of memory, storage and GPU is in the text', async () => {
  const { navigator, fetch } = answering({});
  const adapter = { info: { vendor: 'amd', architecture: 'rdna', device: '', description: '' } };
  page({
    fetch,
    crossOriginIsolated: true,
    performance: { memory: { jsHeapSizeLimit: 4e9 } },
    navigator: {
      ...navigator,
      deviceMemory: 8,
      storage: { estimate: async () => ({ usage: 1e9, quota: 60e9 }) },
      gpu: { requestAdapter: async () => adapter },
    },
  });
  const { facts } = await diagnosed(undefined);
  assert.equal(facts.memory, 'about 8 GiB in the device, 4.0 GB for JavaScript');
  assert.equal(facts.storage, '1.0 GB used of 60.0 GB');
  assert.equal(facts.gpu, 'WebGPU, amd rdna');
});

test('a GPU that never answers is not waited for', async () => {
  const { navigator } = answering({});
  const gpu = { requestAdapter: () => new Promise(() => {}) };
  page({ ...answering({}), crossOriginIsolated: true, navigator: { ...navigator, gpu } });
  assert.equal((await diagnosed(undefined)).facts.gpu, 'WebGPU, but no adapter');
});

test('where no variant runs, the report says so', async () => {
  const { Module } = WebAssembly;
  page({ ...answering({}), crossOriginIsolated: true });
  WebAssembly.Module = function () {
    throw new WebAssembly.CompileError('blocked by CSP');
  } as unknown as typeof Module;
  try {
    const { variant, why, text } = await diagnosed(undefined);
    assert.equal(variant, undefined);
    assert.ok(why.includes("'wasm-unsafe-eval'") && text.includes('variant: none\nwhy: WTW402'));
  } finally {
    WebAssembly.Module = Module;
  }
});
