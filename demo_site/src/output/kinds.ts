// What an output may mean, by its shape: scores of the words of a vocabulary, or an embedding.
import type { Hints } from '../package.ts';
import type { Size } from '../sizes.ts';
import type { TextTokenizer } from '../tokenizer.ts';

const SPARE = 1.1; // models round their vocabulary up
const SHORTEST = 32; // embeddings are longer than most lists of classes

/** A score for each token of the vocabulary: (..., vocabulary). */
export function isVocabulary(shape: readonly Size[], { size }: TextTokenizer): boolean {
  const last = shape[shape.length - 1];
  return typeof last === 'number' && last >= size && last <= size * SPARE;
}

interface Tensor {
  readonly dtype: string;
  readonly shape: readonly Size[];
}

/** A vector for a text or for each of its tokens: (N, D) or (N, length, D). */
export function mayEmbed({ dtype, shape }: Tensor, { labels }: Hints): boolean {
  const last = shape[shape.length - 1];
  return (
    /float/.test(dtype) &&
    (shape.length === 2 || shape.length === 3) &&
    typeof last === 'number' &&
    last >= SHORTEST &&
    last !== labels?.length
  );
}
