// A manifest in, the editors of all inputs out; `read` gives what `model.run` takes.
import type { InputValue } from '../../../js_runtime/src/types.ts';
import { choice, h } from '../dom.ts';
import type { Hints, InputPort, Manifest, TensorPort } from '../package.ts';
import { portGroup } from '../port.ts';
import { shapeFor } from '../sizes.ts';
import { portText } from '../text.ts';
import type { Encoded, TextTokenizer } from '../tokenizer.ts';
import { audioEditor, takesAudio } from './audio.ts';
import type { Context, Editor, TensorEditor } from './editor.ts';
import { imageEditor, takesImage } from './image.ts';
import { numberEditor } from './number.ts';
import { randomEditor } from './random.ts';
import { symbolBoxes } from './symbols.ts';
import type { Typed } from './text.ts';
import { textPanel } from './text_panel.ts';
import { tokenPorts } from './token_ports.ts';

type Values = Record<string, InputValue>;

/** What the page holds at one moment. */
export interface Reading {
  readonly values: Values;
  /** Where a text is typed: what the outputs are read with. */
  readonly typed?: Typed;
  /** The same inputs with the second text in place of the first. */
  readonly other?: Values;
}

export interface InputPanel {
  read(): Reading;
}

type Kind = 'image' | 'audio' | 'random';

const NAMES: Readonly<Record<Kind, string>> = {
  image: 'A picture',
  audio: 'A sound',
  random: 'Random numbers',
};
const MAKERS: Readonly<Record<Kind, (context: Context) => TensorEditor | Promise<TensorEditor>>> = {
  image: imageEditor,
  audio: audioEditor,
  random: randomEditor,
};

/** `changed` is called whenever a person changes a value. */
export async function showInputs(
  place: HTMLElement,
  manifest: Manifest,
  hints: Hints,
  tokenizer: TextTokenizer | undefined,
  changed: () => void,
): Promise<InputPanel> {
  const symbols = symbolBoxes(manifest, changed);
  const { inputs } = manifest.programs.forward;
  const editors = new Map<InputPort, Editor>();
  for (const port of inputs) {
    const context = { manifest, hints, changed, resize: symbols.resize };
    const editor =
      port.kind === 'tensor'
        ? await tensorEditor({ ...context, port })
        : groupOf(port, numberEditor(port, changed));
    editors.set(port, editor);
  }
  const text = tokenizer && textPanel({ manifest, hints, tokenizer, symbols, editors, changed });
  const alone = inputs.filter((port) => !text?.covers(port));
  const groups = alone.map((port) => (editors.get(port) as Editor).element);
  const note = text ? undefined : noteOn(manifest, hints, tokenizer);
  if (text) place.append(text.element);
  if (note) place.append(h('p', { class: 'quiet' }, note));
  place.append(...groups, symbols.element);

  const valuesFor = (sizes: ReadonlyMap<string, number>, typed?: Encoded) =>
    Object.fromEntries(
      inputs.map((port) => {
        const shape = port.kind === 'tensor' ? shapeFor(port.shape, sizes) : [];
        const value = typed && text?.read(port, typed, shape);
        return [port.name, value ?? (editors.get(port) as Editor).read(shape)];
      }),
    );
  return {
    read() {
      const typed = text?.typed();
      if (!text || !typed) return { values: valuesFor(symbols.sizes) };
      const { first, second } = typed;
      text.resize(first);
      const values = valuesFor(symbols.sizes, first);
      if (!second) return { values, typed };
      return { values, typed, other: valuesFor(text.sizesFor(second), second) };
    },
  };
}

/** Of the tokenizer, where no text can be typed. */
function noteOn(
  manifest: Manifest,
  hints: Hints,
  loaded: TextTokenizer | undefined,
): string | undefined {
  if (loaded) return 'No input takes token ids: the tokenizer is not used.';
  if (hints.tokenizer !== undefined || !tokenPorts(manifest)) return undefined;
  return 'To type a text instead: wasm-torch-web serve PKG --tokenizer FILE.';
}

/** The editors that suit the port, the likeliest first, behind a choice. */
async function tensorEditor(context: Context): Promise<Editor> {
  const kinds = kindsFor(context.port);
  const editors = new Map<Kind, TensorEditor>();
  for (const kind of kinds) editors.set(kind, await MAKERS[kind](context));
  let chosen = kinds[0] as Kind;
  const editor = () => editors.get(chosen) as Editor;
  const body = h('div', {}, editor().element);
  const options = Object.fromEntries(kinds.map((k) => [k, NAMES[k]])) as Record<Kind, string>;
  const switcher = choice('Source', options, chosen, (kind) => {
    chosen = kind;
    body.replaceChildren(editor().element);
    context.changed();
  });
  const grouped = { element: body, read: (shape: readonly number[]) => editor().read(shape) };
  return groupOf(context.port, grouped, kinds.length > 1 ? switcher : undefined);
}

function groupOf(port: InputPort, editor: Editor, switcher?: HTMLElement): Editor {
  const element = portGroup(port.name, portText(port), switcher, editor.element);
  return { element, read: (shape) => editor.read(shape) };
}

function kindsFor(port: TensorPort): Kind[] {
  const kinds: Kind[] = [];
  if (takesImage(port)) kinds.push('image');
  if (takesAudio(port)) kinds.push('audio');
  return [...kinds, 'random'];
}
