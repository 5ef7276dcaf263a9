// What `model.run` gives in, a view of each output out: the likeliest first, behind a choice.
import type { OutputValue } from '../../../js_runtime/src/types.ts';
import { lineChart } from '../chart.ts';
import { choice, h } from '../dom.ts';
import type { Hints } from '../package.ts';
import { portGroup } from '../port.ts';
import { numberText } from '../text.ts';
import { areScores, bestClass, classBars, isClasses } from './classes.ts';
import { heatmap, isMap } from './heatmap.ts';
import { type Numbers, numbersOf, statistics } from './numbers.ts';
import { valueTable } from './values.ts';

interface View {
  readonly name: string;
  suits(output: Numbers): boolean;
  show(output: Numbers, hints: Hints): Element;
}

const VIEWS = {
  classes: { name: 'Best classes', suits: isClasses, show: classBars },
  map: { name: 'Heat map', suits: isMap, show: heatmap },
  line: {
    name: 'Line',
    suits: ({ values }) => values.length >= 8,
    show: ({ values }) => lineChart(values, 'The values in their order'),
  },
  table: { name: 'Numbers', suits: () => true, show: valueTable },
} satisfies Record<string, View>;
type Kind = keyof typeof VIEWS;

export interface OutputPanel {
  show(outputs: Record<string, OutputValue>): void;
  /** A sentence on what came out, for those who do not see it. */
  spoken(): string;
}

export function outputPanel(place: HTMLElement, hints: Hints): OutputPanel {
  const chosen = new Map<string, Kind>();
  const body = h('div', {});
  place.append(body);
  let sentence = '';
  return {
    show(outputs) {
      const entries = Object.entries(outputs);
      body.replaceChildren(
        ...entries.map(([name, value]) => oneOutput(name, value, hints, chosen)),
      );
      sentence = entries.map(([name, value]) => `${name}: ${gist(value, hints)}`).join('; ');
    },
    spoken: () => sentence,
  };
}

function oneOutput(
  name: string,
  value: OutputValue,
  hints: Hints,
  chosen: Map<string, Kind>,
): HTMLElement {
  if (typeof value !== 'object') {
    return portGroup(name, typeof value, undefined, h('p', { class: 'big' }, String(value)));
  }
  const output = numbersOf(value);
  const kinds = (Object.keys(VIEWS) as Kind[]).filter((kind) => VIEWS[kind].suits(output));
  const kind = chosen.get(name) ?? likeliest(kinds, output, hints);
  chosen.set(name, kind);
  const body = h('div', {}, VIEWS[kind].show(output, hints));
  const names = Object.fromEntries(kinds.map((k) => [k, VIEWS[k].name])) as Record<Kind, string>;
  const switcher = choice('View', names, kind, (next) => {
    chosen.set(name, next);
    body.replaceChildren(VIEWS[next].show(output, hints));
  });
  const type = `${value.dtype} [${value.shape.join(', ')}]`;
  return portGroup(name, type, kinds.length > 1 ? switcher : undefined, body, facts(output));
}

function likeliest(kinds: readonly Kind[], output: Numbers, hints: Hints): Kind {
  const [first, second] = kinds as [Kind, Kind?];
  return first === 'classes' && second && !areScores(output, hints) ? second : first;
}

function facts({ values }: Numbers): HTMLElement {
  if (values.length === 0) return h('p', { class: 'quiet' }, 'No elements.');
  const { min, max, mean, deviation, odd } = statistics(values);
  const text = [
    `min ${numberText(min)}`,
    `max ${numberText(max)}`,
    `mean ${numberText(mean)}`,
    `deviation ${numberText(deviation)}`,
    ...(odd ? [`${odd} NaN or infinite`] : []),
  ];
  return h('p', { class: 'quiet' }, text.join(' · '));
}

function gist(value: OutputValue, hints: Hints): string {
  if (typeof value !== 'object') return String(value);
  const output = numbersOf(value);
  return isClasses(output)
    ? bestClass(output, hints)
    : `${value.dtype} ${value.shape.join(' by ')}`;
}
