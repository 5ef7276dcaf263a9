// Errors: their texts, the worker's border, and what the runtime's numbers become.
import { ABI } from '../../build/generated/format.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileError } from '../../js_runtime/src/browser.ts';
import { asWtwError, fromWire, type Slug, toWire, wtwError } from '../../js_runtime/src/errors.ts';
import { type Failure, failureError, readFailure } from '../../js_runtime/src/failure.ts';
import { ERRORS } from '../../build/generated/errors.ts';
import { isWtwError } from '../../js_runtime/src/wtw_error.ts';
import { sampleManifest } from './support.ts';

test('an error says code, what and what to do', () => {
  const error = wtwError('input-missing', { name: 'x', inputs: 'x, y' });
  assert.equal(error.message, 'WTW501: input x is missing. The inputs are: x, y.');
  assert.deepEqual(
    [error.code, error.slug, error.hint],
    ['WTW501', 'input-missing', 'The inputs are: x, y.'],
  );
  assert.ok(isWtwError(error) && !isWtwError(new Error('x')));
});

test('errors keep everything across the border', () => {
  const error = wtwError('index-out-of-range', {
    op: 'embedding',
    index: 9,
    bound: 5,
    where: 'encoder',
  });
  const back = fromWire(structuredClone(toWire(error)));
  for (const key of ['code', 'slug', 'message', 'hint', 'where'] as const)
    assert.equal(back[key], error[key]);
  assert.ok(isWtwError(back));
});

test('anything else that is thrown is a bug of ours', () => {
  assert.equal(
    asWtwError(new TypeError('x')).message.slice(0, 37),
    'WTW901: internal error: TypeError: x.',
  );
});

const NOTHING: Failure = { code: 0, node: -1, operand: -1, line: 7, given: 0n, allowed: 0n };
const FAILURES: readonly (readonly [Slug, Partial<Failure>, string])[] = [
  ['abi-mismatch', { given: 9n }, `ABI 9, this runtime has ABI ${ABI}`],
  ['plan-invalid', { given: 5n }, 'record 5 (rule 7)'],
  ['out-of-memory', { given: 4096n }, '4096 more bytes'],
  ['size-out-of-range', { operand: 0, given: 65n }, 'size batch is 65, allowed is 1 to 64'],
  [
    'size-mismatch',
    { operand: 1, node: 0, given: 3n, allowed: 2n },
    'input ids has size 3 in axis 0, expected 2',
  ],
  [
    'input-shape',
    { operand: 0, given: 1n, allowed: 2n },
    'input x has shape 1, expected [batch, 3]',
  ],
  ['guard-failed', { operand: 0 }, 'batch <= 64'],
  [
    'index-out-of-range',
    { node: 0, given: 9n, allowed: 5n },
    'embedding: index 9 is out of range for size 5 (encoder.0 at model.py:7)',
  ],
  [
    'kernel-refused',
    { node: 0 },
    'embedding refused its operands (encoder.0 at model.py:7): rule 7',
  ],
  ['kernel-refused', { node: 99 }, 'node 99'],
  [
    'matrix-singular',
    { node: 0, given: 2n, allowed: 3n },
    'embedding: matrix 2 of the batch is singular, pivot 3 is 0 (encoder.0 at model.py:7)',
  ],
  ['matrix-not-definite', { node: 0, given: 1n, allowed: 3n }, 'leading minor of order 3'],
  ['state-dirty', {}, 'an earlier run failed'],
  ['internal', { node: 3 }, 'rule 7 at node 3'],
];
for (const [slug, failure, text] of FAILURES) {
  test(`the runtime's ${slug} becomes: ${text}`, () => {
    const error = failureError(
      { ...NOTHING, ...failure, code: ERRORS[slug].number },
      sampleManifest(),
      'forward',
    );
    assert.equal(error.slug, slug);
    assert.ok(error.message.includes(text), error.message);
    assert.ok(!error.message.includes('?'), error.message);
  });
}

test('a failure is six numbers of 64 bits', () => {
  const view = new DataView(BigInt64Array.of(509n, 1n, -1n, 33n, 2n ** 40n, -1n).buffer);
  assert.deepEqual(readFailure(view), {
    code: 509,
    node: 1,
    operand: -1,
    line: 33,
    given: 2n ** 40n,
    allowed: -1n,
  });
});

const url = 'http://localhost/runtime.wasm';
// Chromium, Firefox, Safari.
const POLICIES = [
  'Compiling or instantiating WebAssembly module violates the following Content Security policy',
  'call to WebAssembly.compile() blocked by CSP',
  "Refused to create a WebAssembly object because 'unsafe-eval' is not an allowed source of script",
];
test('what a Content-Security-Policy blocks is told from a damaged file', () => {
  for (const message of POLICIES) {
    assert.equal(compileError(url, new WebAssembly.CompileError(message)).slug, 'csp-blocks-wasm');
  }
  const damaged = new WebAssembly.CompileError(
    'expected magic word 00 61 73 6d, found 3c 21 64 6f',
  );
  assert.equal(compileError(url, damaged).slug, 'file-corrupt');
  assert.equal(compileError(url, new RangeError('out of memory')).slug, 'internal');
});
