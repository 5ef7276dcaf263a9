// The address of a package in, its manifest and its `load` out; and what the server adds to it.
import type { Manifest } from '../../build/generated/manifest.ts';
import type { LoadOptions, Model } from '../../js_runtime/src/types.ts';
import type { TextTokenizer } from './tokenizer.ts';

export type { Manifest } from '../../build/generated/manifest.ts';
export type InputPort = Manifest['programs']['forward']['inputs'][number];
export type TensorPort = Extract<InputPort, { kind: 'tensor' }>;
export type NumberPort = Exclude<InputPort, TensorPort>;

/** How a picture's numbers from 0 to 255 become the model's. */
export type Scale = '0..1' | '-1..1' | 'imagenet';

/** What a package cannot know: what its classes are called, what its pictures look like. */
export interface Hints {
  readonly labels?: readonly string[];
  readonly scale?: Scale;
  readonly samples?: readonly { readonly name: string; readonly url: string }[];
  /** The address of a Hugging Face tokenizer.json. */
  readonly tokenizer?: string;
}

const PACKAGE = new URL('./package/', document.baseURI);

export async function readManifest(): Promise<Manifest> {
  return json<Manifest>(new URL('model.json', PACKAGE));
}

/** No hints where the page is served without them. */
export async function readHints(): Promise<Hints> {
  return json<Hints>(new URL('./hints.json', document.baseURI)).catch(() => ({}));
}

/** The package's own labels where the server names none. */
export function withLabels(hints: Hints, { programs }: Manifest): Hints {
  const named = programs.forward.outputs.flatMap((port) =>
    port.kind === 'tensor' && port.classes ? [port.classes.labels] : [],
  );
  const labels = hints.labels ?? named[0];
  return labels ? { ...hints, labels } : hints;
}

/** Undefined where none is configured; the code that reads it is fetched only then. */
export async function loadTokenizer({ tokenizer }: Hints): Promise<TextTokenizer | undefined> {
  if (tokenizer === undefined) return undefined;
  const { readTokenizer } = await import('./tokenizer.ts');
  return readTokenizer(new URL(tokenizer, document.baseURI));
}

/** The model, by the package's own entry point, as any page would load it. */
export async function loadModel(options: LoadOptions): Promise<Model> {
  const entry = (await import(new URL('index.js', PACKAGE).href)) as {
    load(options: LoadOptions): Promise<Model>;
  };
  return entry.load(options);
}

async function json<T>(url: URL): Promise<T> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.pathname}: HTTP status ${response.status}`);
  return (await response.json()) as T;
}
