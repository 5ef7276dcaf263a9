// The ladder of variants: what is chosen, and what is said about it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  chooseVariant,
  type Facts,
  simdFacts,
  type Wanted,
} from '../../js_runtime/src/variants.ts';
import { throwsCode } from './support.ts';

const ALL: Facts = { simd128: true, relaxed: true, cores: 4, unthreaded: undefined };
const PLAIN: Facts = { ...ALL, relaxed: false, unthreaded: 'not isolated' };

const CHOICES: readonly (readonly [string, Facts, Wanted, string, number, string[]])[] = [
  ['the best', ALL, {}, 'relaxed-threads', 4, []],
  ['at most 8 threads by itself', { ...ALL, cores: 64 }, {}, 'relaxed-threads', 8, []],
  ['as many as asked for', ALL, { threads: 12 }, 'relaxed-threads', 12, []],
  [
    'no relaxed SIMD',
    { ...ALL, relaxed: false },
    {},
    'simd128-threads',
    4,
    ['no relaxed SIMD here'],
  ],
  ['nothing', PLAIN, {}, 'simd128-single', 1, ['no relaxed SIMD here', 'one thread: not isolated']],
  [
    'threads where there can be none',
    PLAIN,
    { threads: 4 },
    'simd128-single',
    1,
    ['no relaxed SIMD here', 'one thread: not isolated'],
  ],
  ['one core', { ...ALL, cores: 1 }, {}, 'relaxed-single', 1, ['one thread: one core']],
  ['one thread wanted', ALL, { threads: 1 }, 'relaxed-single', 1, ['one thread: as asked for']],
  [
    'one thread wanted where no more can be',
    PLAIN,
    { threads: 1 },
    'simd128-single',
    1,
    ['no relaxed SIMD here', 'one thread: as asked for'],
  ],
  [
    'SIMD128 wanted',
    ALL,
    { variant: 'simd128-threads' },
    'simd128-threads',
    4,
    ['SIMD128 as asked for'],
  ],
  [
    'single wanted',
    ALL,
    { variant: 'relaxed-single' },
    'relaxed-single',
    1,
    ['one thread: as asked for'],
  ],
  [
    'a threaded variant alone',
    ALL,
    { variant: 'relaxed-threads', threads: 1 },
    'relaxed-threads',
    1,
    [],
  ],
];
for (const [what, facts, wanted, variant, threads, why] of CHOICES) {
  test(`chooses for: ${what}`, () => {
    const choice = chooseVariant(facts, wanted);
    assert.deepEqual([choice.variant, choice.threads, choice.why], [variant, threads, why]);
    assert.equal(choice.shared, variant.endsWith('threads'));
    assert.ok(variant.startsWith(choice.simd));
  });
}

test('what cannot be is an error, not something else', () => {
  const choose = (facts: Facts, wanted: Wanted) => () => chooseVariant(facts, wanted);
  throwsCode(choose({ ...ALL, simd128: false }, {}), 'wasm-unsupported', 'SIMD128');
  throwsCode(
    choose(PLAIN, { variant: 'relaxed-single' }),
    'option-invalid',
    'variant',
    'relaxed SIMD',
  );
  throwsCode(choose(PLAIN, { variant: 'simd128-threads' }), 'option-invalid', 'not isolated');
  throwsCode(
    choose(ALL, { threads: 2, variant: 'relaxed-single' }),
    'option-invalid',
    'one thread',
  );
});

test('Node has SIMD128', () => assert.equal(simdFacts().simd128, true));
