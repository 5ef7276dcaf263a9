// Scores of classes for each token in, the text with the best class of each token out.
import { h } from '../dom.ts';
import type { Typed } from '../input/text.ts';
import type { Hints } from '../package.ts';
import { tokenText } from '../text.ts';
import { bestOf } from './classes.ts';
import type { Numbers } from './numbers.ts';

/** (N, length, classes), where it is known what the classes are called. */
export function isLabelled({ shape }: Numbers, { first }: Typed, { labels }: Hints): boolean {
  const [, length, classes] = shape as [number, number, number];
  return shape.length === 3 && length >= first.ids.length && classes === labels?.length;
}

export function labelledText(output: Numbers, typed: Typed, { labels }: Hints): HTMLElement {
  const classes = labels?.length as number;
  const chips = typed.first.ids.map((id, i) => {
    const best = bestOf(output.values.subarray(i * classes, (i + 1) * classes));
    const token = h('code', {}, tokenText(typed.tokenizer.textOf(id)));
    return h('li', {}, token, h('small', {}, labels?.[best] as string));
  });
  return h('ol', { class: 'labelled' }, ...chips);
}
