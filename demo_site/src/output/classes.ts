// A vector of scores in, bars of the best out.
import { choice, h, tick } from '../dom.ts';
import type { Hints } from '../package.ts';
import { numberText, shareText } from '../text.ts';
import { type Numbers, softmax, sumsToOne } from './numbers.ts';

const FEW = 20;
const STANDS_OUT = 10; // times the average
const COUNTS = { 5: 'Best 5', 10: 'Best 10', 25: 'Best 25' };

/** What the score at an index is that of. */
type Naming = (index: number) => string;

/** One row of scores: (C) or (1, ..., 1, C). */
export function isClasses({ shape }: Numbers): boolean {
  const classes = shape[shape.length - 1] ?? 0;
  return classes >= 2 && shape.slice(0, -1).every((size) => size === 1);
}

/** Whether one stands out, as scores of classes have it and the numbers of an embedding not. */
export function areScores({ values }: Numbers, { labels }: Hints): boolean {
  if (labels) return labels.length === values.length;
  const shares = sumsToOne(values) ? values : softmax(values);
  const best = shares.reduce((a, b) => Math.max(a, b), 0);
  return values.length <= FEW || best * values.length >= STANDS_OUT;
}

export function classBars({ values }: Numbers, hints: Hints): HTMLElement {
  return scoreBars(values, classNames(values.length, hints));
}

/** The best class, for the line that is read aloud. */
export function bestClass({ values }: Numbers, hints: Hints): string {
  return classNames(values.length, hints)(bestOf(values));
}

function classNames(count: number, { labels }: Hints): Naming {
  return (index) => (labels?.length === count && labels[index]) || `Class ${index}`;
}

export function bestOf(values: Float64Array): number {
  return values.indexOf(values.reduce((a, b) => Math.max(a, b), -Infinity));
}

/** Bars, how many of them, and whether they show shares of a whole. */
export function scoreBars(values: Float64Array, naming: Naming): HTMLElement {
  const state = { count: 5, softmax: !sumsToOne(values) };
  const list = h('ol', { class: 'classes' });
  const show = () => {
    const shown = state.softmax ? softmax(values) : values;
    list.replaceChildren(...bars(shown, state.count, naming));
  };
  show();
  const count = choice('Shown', COUNTS, '5', (key) => {
    state.count = Number(key);
    show();
  });
  const toggle = tick('Softmax', true, (on) => {
    state.softmax = on;
    show();
  });
  const controls = [...(values.length > 5 ? [count] : []), ...(state.softmax ? [toggle] : [])];
  return h('div', {}, list, h('div', { class: 'fields' }, ...controls));
}

function bars(values: Float64Array, count: number, naming: Naming): HTMLElement[] {
  const order = [...values.keys()].sort((a, b) => (values[b] as number) - (values[a] as number));
  const whole = sumsToOne(values);
  const top = Math.abs(values[order[0] as number] as number) || 1;
  return order.slice(0, count).map((index) => {
    const value = values[index] as number;
    const bar = h('span', { class: 'bar-of' });
    bar.style.setProperty('--share', String(Math.max(0, whole ? value : value / top)));
    const text = whole ? shareText(value) : numberText(value);
    return h(
      'li',
      {},
      h('span', { class: 'name' }, naming(index)),
      h('span', { class: 'value' }, text),
      bar,
    );
  });
}
