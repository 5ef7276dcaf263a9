// Scores of the words of a vocabulary in, the likeliest ones out: what follows, or what is missing.
import { button, h } from '../dom.ts';
import type { Typed } from '../input/text.ts';
import { tokenText } from '../text.ts';
import { bestOf, scoreBars } from './classes.ts';
import type { Numbers } from './numbers.ts';

export function tokenBars(output: Numbers, typed: Typed): HTMLElement {
  const { tokenizer, first, append } = typed;
  const scores = scoresOf(output, typed);
  const bars = scoreBars(scores, (id) => tokenText(tokenizer.textOf(id)));
  if (tokenizer.mask) {
    const { text } = tokenizer.mask;
    const missing = `In place of ${text}:`;
    const what = maskedAt(typed) >= 0 ? missing : `At the end; write ${text} for a missing word.`;
    return h('div', {}, h('p', { class: 'quiet' }, what), bars);
  }
  const best = tokenizer.added(first.ids, bestOf(scores));
  const add = button(`Add “${tokenText(best)}”`, () => append(best));
  return h('div', {}, h('p', { class: 'quiet' }, 'After the text:'), bars, add);
}

/** The likeliest token, for the line that is read aloud. */
export function bestToken(output: Numbers, typed: Typed): string {
  return typed.tokenizer.textOf(bestOf(scoresOf(output, typed)));
}

/** At the masked word, else at the end; of a model that gives one place only, there. */
function scoresOf({ values, shape }: Numbers, typed: Typed): Float64Array {
  const width = shape[shape.length - 1] as number;
  const rows = shape[shape.length - 2] ?? 1;
  const masked = maskedAt(typed);
  const at = Math.min(rows - 1, masked >= 0 ? masked : typed.first.ids.length - 1);
  return values.subarray(at * width, (at + 1) * width);
}

function maskedAt({ tokenizer, first }: Typed): number {
  return tokenizer.mask ? first.ids.indexOf(tokenizer.mask.id) : -1;
}
