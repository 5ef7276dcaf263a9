// Scores of the words of a vocabulary in, the likeliest ones out: what follows, or what is missing.
import { button, h } from '../dom.ts';
import type { Typed } from '../input/text.ts';
import { tokenText } from '../text.ts';
import { bestOf, scoreBars } from './classes.ts';
import type { Numbers } from './numbers.ts';

export function tokenBars(output: Numbers, typed: Typed): HTMLElement {
  const scores = scoresOf(output, typed);
  const bars = scoreBars(scores, (id) => tokenText(typed.tokenizer.textOf(id)));
  const add = mayGoOn(typed) ? [addButton(bestOf(scores), typed)] : [];
  return h('div', {}, h('p', { class: 'quiet' }, placeText(typed)), bars, ...add);
}

/** Models that fill in words look both ways: what they say of the end is no continuation. */
function mayGoOn({ tokenizer, first }: Typed): boolean {
  return !tokenizer.mask && first.whole === first.ids.length;
}

function addButton(id: number, { tokenizer, first, append }: Typed): HTMLElement {
  const text = tokenizer.added(first.ids, id);
  return button(`Add “${tokenText(text)}”`, () => append(text), 'add');
}

function placeText({ tokenizer, first }: Typed): string {
  const { mask } = tokenizer;
  if (mask && first.ids.includes(mask.id)) return `In place of ${mask.text}:`;
  if (mask) return `At the end; write ${mask.text} for a missing word.`;
  const { length } = first.ids;
  return first.whole === length ? 'After the text:' : `After the first ${length} tokens:`;
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
