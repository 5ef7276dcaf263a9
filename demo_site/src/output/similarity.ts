// What a model makes of two texts in, how alike they are out.
import { h } from '../dom.ts';
import type { Hints } from '../package.ts';
import { areScores } from './classes.ts';
import { isVocabulary, mayEmbed } from './kinds.ts';
import type { Typed } from '../input/text.ts';
import type { Numbers } from './numbers.ts';

export function isEmbedding(output: Numbers, typed: Typed, hints: Hints): boolean {
  return (
    mayEmbed(output, hints) &&
    !isVocabulary(output.shape, typed.tokenizer) &&
    !(output.shape.length === 2 && areScores(output, hints))
  );
}

/** The cosine of the angle between the two: 1 for the same direction, 0 for strangers. */
export function similarity(one: Numbers, other: Numbers, { first, second }: Typed): number {
  return cosineOf(vectorOf(one, first.ids.length), vectorOf(other, second?.ids.length ?? 0));
}

export function similarityBar(one: Numbers, other: Numbers, typed: Typed): HTMLElement {
  const cosine = similarity(one, other, typed);
  const bar = h('div', { class: 'bar-of' });
  bar.style.setProperty('--share', String(Math.min(1, Math.max(0, cosine))));
  const mean = rowsOf(one) > 1 ? ', each the mean of its rows' : '';
  return h(
    'div',
    {},
    h('p', { class: 'big' }, cosine.toFixed(3), h('small', {}, 'cosine similarity')),
    bar,
    h('p', { class: 'quiet' }, `Of the two texts${mean}: 1 means alike, 0 unrelated.`),
  );
}

const rowsOf = ({ shape }: Numbers) => shape[shape.length - 2] as number;

/** The mean over the tokens; where rows are texts, they are all the same. */
function vectorOf(output: Numbers, tokens: number): Float64Array {
  const { values, shape } = output;
  const width = shape[shape.length - 1] as number;
  const used = Math.min(rowsOf(output), tokens);
  return Float64Array.from({ length: width }, (_, i) => {
    let sum = 0;
    for (let row = 0; row < used; ++row) sum += values[row * width + i] as number;
    return sum / used;
  });
}

function cosineOf(a: Float64Array, b: Float64Array): number {
  const dot = (x: Float64Array, y: Float64Array) =>
    x.reduce((sum, value, i) => sum + value * (y[i] as number), 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}
