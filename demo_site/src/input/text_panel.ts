// The inputs that a text fills in, one group for all of them out: typed text, or random numbers.
import type { TensorInput } from '../../../js_runtime/src/types.ts';
import { choice, h } from '../dom.ts';
import type { Hints, InputPort, Manifest } from '../package.ts';
import { isVocabulary, mayEmbed } from '../output/kinds.ts';
import { portGroup } from '../port.ts';
import type { Encoded, TextTokenizer } from '../tokenizer.ts';
import type { Editor } from './editor.ts';
import type { SymbolBoxes } from './symbols.ts';
import { textEditor, type Typed } from './text.ts';
import { tokenPorts } from './token_ports.ts';

const SOURCES = { text: 'A text', random: 'Random numbers' };

export interface TextPanelContext {
  readonly manifest: Manifest;
  readonly hints: Hints;
  readonly tokenizer: TextTokenizer;
  readonly symbols: SymbolBoxes;
  /** Of the single inputs: they take over where random numbers are chosen. */
  readonly editors: ReadonlyMap<InputPort, Editor>;
  changed(): void;
}

export interface TextPanel {
  readonly element: HTMLElement;
  covers(port: InputPort): boolean;
  /** Undefined while random numbers are chosen. */
  typed(): Typed | undefined;
  /** Undefined for an input that takes no tokens. */
  read(port: InputPort, text: Encoded, shape: readonly number[]): TensorInput | undefined;
  /** The dynamic length becomes that of a text, whatever was in its box. */
  resize(text: Encoded): void;
  /** The dynamic sizes for another text. */
  sizesFor(text: Encoded): ReadonlyMap<string, number>;
}

/** Undefined for a model that takes no tokens. */
export function textPanel(context: TextPanelContext): TextPanel | undefined {
  const { manifest, tokenizer, symbols, editors, changed } = context;
  const ports = tokenPorts(manifest);
  if (!ports) return undefined;
  const { length, roles } = ports;
  const roleOf = (port: InputPort) => (port.kind === 'tensor' ? roles.get(port) : undefined);
  const texts = examples(context);
  const editor = textEditor({ tokenizer, most: ports.most, texts, changed });
  const covered = [...roles.keys()];
  const random = h('div', {}, ...covered.map((port) => (editors.get(port) as Editor).element));
  const body = h('div', {}, editor.element);
  let chosen: keyof typeof SOURCES = 'text';
  const switcher = choice('Source', SOURCES, chosen, (source) => {
    chosen = source;
    body.replaceChildren(source === 'text' ? editor.element : random);
    changed();
  });
  const names = covered.map(({ name }) => name).join(', ');
  return {
    element: portGroup('text', names, switcher, body),
    covers: (port) => roleOf(port) !== undefined,
    typed: () => (chosen === 'text' ? editor.typed() : undefined),
    read(port, text, shape) {
      const role = roleOf(port);
      return role && editor.read(role, text, shape);
    },
    resize({ ids }) {
      if (typeof length === 'string') symbols.resize(length, ids.length);
    },
    sizesFor: ({ ids }) =>
      typeof length === 'string' ? symbols.with(length, ids.length) : symbols.sizes,
  };
}

/** A text to begin with; two where the model turns texts into vectors, which can be compared. */
function examples({ manifest, hints, tokenizer }: TextPanelContext): string[] {
  const outputs = manifest.programs.forward.outputs.filter((port) => port.kind === 'tensor');
  if (outputs.some(({ shape }) => isVocabulary(shape, tokenizer))) {
    const { mask } = tokenizer;
    return [mask ? `Paris is the ${mask.text} of France.` : 'The capital of France is'];
  }
  const first = 'A man is eating food.';
  const compared = outputs.some((port) => mayEmbed(port, hints));
  return compared ? [first, 'A man is eating a piece of bread.'] : [first];
}
