import type {
  Diagnosis,
  DType,
  LoadOptions,
  Model as AnyModel,
  TensorInput,
  TensorOutput,
} from '@runtime@';
@extensions@
interface Given<D extends DType, Shape extends readonly number[]> extends TensorInput<D> {
  readonly shape: Shape;
}

interface Got<D extends DType, Shape extends number[]> extends TensorOutput<D> {
  readonly shape: Shape;
}

/** What `run` takes. */
export interface Inputs {
@inputs@}

/** What `run` gives: fresh copies, yours to keep. */
export interface Outputs {
@outputs@}

@model@

/** Loads the model in the best variant that the browser allows; `model.info` says which and why. */
export function load(options?: LoadOptions): Promise<Model>;

/**
 * What this browser, or Node, has for the model: which variant `load` would take, why, and what to
 * change for a better one. Loads nothing; `text` is made to be pasted into an issue.
 */
export function diagnose(): Promise<Diagnosis>;

export { @errors@ } from '@runtime@';
export type * from '@runtime@';
