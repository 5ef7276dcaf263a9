import type { DType, LoadOptions, Model as AnyModel, TensorInput, TensorOutput } from '@runtime@';
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

export { @errors@ } from '@runtime@';
export type * from '@runtime@';
