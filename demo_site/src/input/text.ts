// Texts that a person types in, token ids out; they fill several inputs at once.
import type { TensorInput } from '../../../js_runtime/src/types.ts';
import { h, textBox } from '../dom.ts';
import { tokenText } from '../text.ts';
import type { Encoded, TextTokenizer } from '../tokenizer.ts';
import { type Role, tokenValues } from './token_ports.ts';

const PAUSE_MS = 250; // after the last key
const SHOWN = 64; // tokens

/** What the outputs of a run are read with. */
export interface Typed {
  readonly tokenizer: TextTokenizer;
  readonly first: Encoded;
  /** Compared with the first; undefined where nothing is typed. */
  readonly second: Encoded | undefined;
  /** Types more at the end of the first text. */
  append(text: string): void;
}

export interface TextEditor {
  readonly element: HTMLElement;
  typed(): Typed;
  read(role: Role, text: Encoded, shape: readonly number[]): TensorInput;
}

export interface TextContext {
  readonly tokenizer: TextTokenizer;
  /** Tokens that the model takes. */
  readonly most: number;
  /** What the first box and, where texts are compared, the second one begin with. */
  readonly texts: readonly string[];
  changed(): void;
}

export function textEditor(context: TextContext): TextEditor {
  const { tokenizer, most, changed } = context;
  const boxes = context.texts.map((text, i) => {
    const label = context.texts.length === 1 ? 'Text' : i ? 'Compared with' : 'First text';
    return tokenBox(label, text, tokenizer, most, changed);
  });
  const [first, second] = boxes as [TokenBox, TokenBox?];
  return {
    element: h('div', { class: 'texts' }, ...boxes.map(({ element }) => element)),
    typed: () => ({
      tokenizer,
      first: first.encoded(),
      second: second?.empty() === false ? second.encoded() : undefined,
      append: first.append,
    }),
    read(role, { ids }, shape) {
      if (ids.length === 0) throw new Error('There is no text: type something.');
      return tokenValues(role, ids, tokenizer.padding, shape);
    },
  };
}

interface TokenBox {
  readonly element: HTMLElement;
  encoded(): Encoded;
  empty(): boolean;
  append(text: string): void;
}

function tokenBox(
  label: string,
  text: string,
  tokenizer: TextTokenizer,
  most: number,
  changed: () => void,
): TokenBox {
  const told = h('div', { class: 'tokens' });
  let now = text;
  let encoded: Encoded;
  const encode = () => {
    encoded = tokenizer.encode(now, most);
    told.replaceChildren(...chips(encoded, tokenizer));
  };
  encode();
  const field = textBox(label, text, PAUSE_MS, (typed) => {
    now = typed;
    encode();
    changed();
  });
  return {
    element: h('div', {}, field.element, told),
    encoded: () => encoded,
    empty: () => now.trim() === '',
    append: field.append,
  };
}

/** How many tokens there are, whether some were cut, and the first ones. */
function chips({ ids, whole }: Encoded, tokenizer: TextTokenizer): HTMLElement[] {
  const count = whole === 1 ? '1 token' : `${whole} tokens`;
  const cut = whole > ids.length;
  const note = cut ? `${count}, cut to the ${ids.length} that the model takes` : count;
  const shown = ids.slice(0, SHOWN).map((id) => h('code', {}, tokenText(tokenizer.textOf(id))));
  const rest = ids.length > SHOWN ? [h('span', { class: 'quiet' }, '…')] : [];
  return [h('p', { class: cut ? 'warning' : 'quiet' }, note), ...shown, ...rest];
}
