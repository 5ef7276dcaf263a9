// Outputs in, each as a person would want it out: bars, maps, similarity, lines or numbers.
import type { OutputValue, TensorOutput } from '../../../js_runtime/src/types.ts';
import { lineChart } from '../chart.ts';
import { choice, h } from '../dom.ts';
import type { Typed } from '../input/text.ts';
import type { Hints } from '../package.ts';
import { portGroup } from '../port.ts';
import { numberText } from '../text.ts';
import { areScores, bestClass, classBars, isClasses } from './classes.ts';
import { heatmap, isMap } from './heatmap.ts';
import { isVocabulary } from './kinds.ts';
import { isLabelled, labelledText } from './labelled.ts';
import { type Numbers, numbersOf, statistics } from './numbers.ts';
import { isEmbedding, similarity, similarityBar } from './similarity.ts';
import { bestToken, tokenBars } from './tokens.ts';
import { valueTable } from './values.ts';

/** A tensor, and what is known to read it with. */
interface Output extends Numbers {
  readonly hints: Hints;
  readonly typed?: Typed | undefined;
  /** The same output for the second text. */
  readonly other?: Numbers | undefined;
}

interface View {
  readonly name: string;
  suits(output: Output): boolean;
  show(output: Output): Element;
}

const VIEWS = {
  labelled: {
    name: 'Class of each token',
    suits: (output) => !!output.typed && isLabelled(output, output.typed, output.hints),
    show: (output) => labelledText(output, output.typed as Typed, output.hints),
  },
  tokens: {
    name: 'Likeliest tokens',
    suits: ({ typed, shape }) => !!typed && isVocabulary(shape, typed.tokenizer),
    show: (output) => tokenBars(output, output.typed as Typed),
  },
  similarity: {
    name: 'Similarity',
    suits: ({ other }) => other !== undefined,
    show: (output) => similarityBar(output, output.other as Numbers, output.typed as Typed),
  },
  classes: {
    name: 'Best classes',
    suits: isClasses,
    show: (output) => classBars(output, output.hints),
  },
  map: { name: 'Heat map', suits: isMap, show: heatmap },
  line: {
    name: 'Line',
    suits: ({ values }) => values.length >= 8,
    show: ({ values }) => lineChart(values, 'The values in their order'),
  },
  table: { name: 'Numbers', suits: () => true, show: valueTable },
} satisfies Record<string, View>;
type Kind = keyof typeof VIEWS;

type Values = Readonly<Record<string, OutputValue>>;

export interface OutputPanel {
  /** `second` runs the model on the second text: only where an output can be compared. */
  show(values: Values, typed?: Typed, second?: () => Promise<Values>): Promise<void>;
  /** A line on what came out: read aloud, and shown on screens that have no room for both. */
  gist(): string;
}

export function outputPanel(place: HTMLElement, hints: Hints): OutputPanel {
  const chosen = new Map<string, Kind>(); // by a person
  const body = h('div', {});
  place.append(body);
  let line = '';
  return {
    async show(values, typed, second) {
      const outputs = await compared(outputsOf(values, hints, typed), second);
      body.replaceChildren(...outputs.map(([name, output]) => oneOutput(name, output, chosen)));
      line = gistOf(outputs);
    },
    gist: () => line,
  };
}

type Named = readonly [name: string, output: Output | number | boolean];

function outputsOf(values: Values, hints: Hints, typed: Typed | undefined): Named[] {
  return Object.entries(values).map(([name, value]) =>
    typeof value === 'object' ? [name, { ...numbersOf(value), hints, typed }] : [name, value],
  );
}

/** The first embedding gets that of the second text beside it: one verdict is enough. */
async function compared(
  outputs: readonly Named[],
  second: (() => Promise<Values>) | undefined,
): Promise<readonly Named[]> {
  const first = outputs.find(([, output]) => typeof output === 'object' && embeds(output));
  if (!first || !second) return outputs;
  const [name, output] = first as readonly [string, Output];
  const other = numbersOf((await second())[name] as TensorOutput);
  return outputs.map((each) => (each === first ? [name, { ...output, other }] : each));
}

function embeds(output: Output): boolean {
  return !!output.typed && isEmbedding(output, output.typed, output.hints);
}

function oneOutput(
  name: string,
  output: Output | number | boolean,
  chosen: Map<string, Kind>,
): HTMLElement {
  if (typeof output !== 'object') {
    return portGroup(name, typeof output, undefined, h('p', { class: 'big' }, String(output)));
  }
  const kinds = (Object.keys(VIEWS) as Kind[]).filter((kind) => VIEWS[kind].suits(output));
  const before = chosen.get(name);
  const kind = before && kinds.includes(before) ? before : likeliest(kinds, output);
  const body = h('div', {}, VIEWS[kind].show(output));
  const names = Object.fromEntries(kinds.map((k) => [k, VIEWS[k].name])) as Record<Kind, string>;
  const switcher = choice('View', names, kind, (next) => {
    chosen.set(name, next);
    body.replaceChildren(VIEWS[next].show(output));
  });
  return portGroup(
    name,
    typeOf(output),
    kinds.length > 1 ? switcher : undefined,
    body,
    facts(output),
  );
}

const typeOf = ({ dtype, shape }: Numbers) => `${dtype} [${shape.join(', ')}]`;

function likeliest(kinds: readonly Kind[], output: Output): Kind {
  const [first, second] = kinds as [Kind, Kind?];
  return first === 'classes' && second && !areScores(output, output.hints) ? second : first;
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

/** Of the first output that says something in a few words, else of the very first one. */
function gistOf(outputs: readonly Named[]): string {
  for (const [name, output] of outputs) {
    const told = telling(output);
    if (told !== undefined) return outputs.length === 1 ? told : `${name}: ${told}`;
  }
  const [first] = outputs;
  return first ? `${first[0]}: ${typeOf(first[1] as Output)}` : 'no outputs';
}

function telling(output: Output | number | boolean): string | undefined {
  if (typeof output !== 'object') return String(output);
  const { typed, other, hints } = output;
  if (typed && isLabelled(output, typed, hints)) return undefined;
  if (typed && isVocabulary(output.shape, typed.tokenizer)) return bestToken(output, typed);
  if (typed && other) return `similarity ${similarity(output, other, typed).toFixed(3)}`;
  return isClasses(output) && areScores(output, hints) ? bestClass(output, hints) : undefined;
}
