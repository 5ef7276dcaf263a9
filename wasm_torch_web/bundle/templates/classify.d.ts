export interface Model extends AnyModel<Inputs, Outputs> {
  /** Runs, and gives the best classes of `@output@`, the best first: `top` of them, 5 by default. */
  classify(
    inputs: Inputs,
    options?: Omit<import('@runtime@').RunOptions, 'profile'> & { readonly top?: number },
  ): Promise<@result@>;
}
