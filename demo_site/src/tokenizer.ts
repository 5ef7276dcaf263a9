// A Hugging Face tokenizer.json in; text as token ids, and ids as text, out.
import { Tokenizer } from '@huggingface/tokenizers';

export interface Encoded {
  readonly ids: readonly number[];
  /** How many ids there were before the text was cut to what the model takes. */
  readonly whole: number;
}

export interface TextTokenizer {
  /** Ids in the vocabulary. */
  readonly size: number;
  /** The id that fills what is left of a fixed length. */
  readonly padding: number;
  /** The token that stands for a missing word, of models that fill them in. */
  readonly mask: { readonly id: number; readonly text: string } | undefined;
  /** With special tokens; a text of more than `most` ids loses its end, but not those. */
  encode(text: string, most: number): Encoded;
  /** The text of one token. */
  textOf(id: number): string;
  /** What a token adds to the text of others: some lose a blank where they stand alone. */
  added(ids: readonly number[], id: number): string;
}

interface TokenizerFile {
  readonly padding?: { readonly pad_id: number } | null;
}

const PADDING = ['[PAD]', '<pad>', '<|endoftext|>', '</s>'];
const MASKS = ['[MASK]', '<mask>'];

/** Throws for a file that is no tokenizer.json, or of a kind that the library does not know. */
export async function readTokenizer(url: URL): Promise<TextTokenizer> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.pathname}: HTTP status ${response.status}`);
  const file = (await response.json()) as TokenizerFile;
  const tokenizer = new Tokenizer(file, { clean_up_tokenization_spaces: false });
  const decoded = (ids: readonly number[]) => tokenizer.decode([...ids]);
  const known = (texts: readonly string[]) =>
    texts
      .map((text) => ({ text, id: tokenizer.token_to_id(text) }))
      .find((token): token is { text: string; id: number } => token.id !== undefined);
  return {
    size: tokenizer.get_vocab().size,
    padding: file.padding?.pad_id ?? known(PADDING)?.id ?? 0,
    mask: known(MASKS),
    encode: (text, most) => encode(tokenizer, text, most),
    textOf: (id) => (tokenizer.id_to_token(id) === undefined ? `#${id}` : decoded([id])),
    added: (ids, id) => decoded([...ids, id]).slice(decoded(ids).length),
  };
}

function encode(tokenizer: Tokenizer, text: string, most: number): Encoded {
  const { ids } = tokenizer.encode(text);
  const whole = ids.length;
  if (whole <= most) return { ids, whole };
  const bare = tokenizer.encode(text, { add_special_tokens: false }).ids;
  const room = most - (whole - bare.length);
  if (room < 0) return { ids: ids.slice(0, most), whole };
  const begin = beginOf(bare, ids);
  const end = begin + bare.length;
  return { ids: [...ids.slice(0, begin), ...bare.slice(0, room), ...ids.slice(end)], whole };
}

/** Where the ids of the text alone lie among those with special tokens. */
function beginOf(bare: readonly number[], ids: readonly number[]): number {
  const last = ids.length - bare.length;
  for (let begin = 0; begin < last; ++begin) {
    if (bare.every((id, i) => ids[begin + i] === id)) return begin;
  }
  return last;
}
