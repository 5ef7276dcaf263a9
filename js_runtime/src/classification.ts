// What `model.classify` gives: copied into packages with labels as classes.d.ts.

export interface Classification {
  readonly label: string;
  /** Where its score stands along the output's last axis. */
  readonly index: number;
  /** From 0 to 1, unless the model's own scores were asked for. */
  readonly score: number;
}
