// What the editors of inputs share.
import type { InputValue, TensorInput } from '../../../js_runtime/src/types.ts';
import type { Hints, Manifest, TensorPort } from '../package.ts';

/** A part of the page that makes one input's value. */
export interface Editor {
  readonly element: HTMLElement;
  read(shape: readonly number[]): InputValue;
}

/** What an editor of a tensor is told, and whom it tells. */
export interface Context {
  readonly port: TensorPort;
  readonly manifest: Manifest;
  readonly hints: Hints;
  /** The value is another one now; runs the model. */
  changed(): void;
  /** Sets a dynamic size (clamped to what the model allows). */
  resize(symbol: string, value: number): void;
}

export type TensorEditor = Editor & { read(shape: readonly number[]): TensorInput };

/** What a package takes that prepares it itself: the types of its own index.d.ts say so. */
export const raw = (value: object) => value as TensorInput;
