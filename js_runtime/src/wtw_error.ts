// The error that users see. Its declaration is part of every package's runtime.d.ts.

export interface WtwErrorParts {
  readonly code: string;
  readonly slug: string;
  readonly message: string;
  readonly hint: string;
  readonly where?: string | undefined;
}

/** A coded error; its message says what and where, and ends with the hint. */
export class WtwError extends Error {
  override readonly name: string = 'WtwError';
  /** Such as `WTW503`. */
  readonly code: string;
  /** The code in words, such as `input-dtype`. */
  readonly slug: string;
  /** What to do next. */
  readonly hint: string;
  /** The place in the model, where known: module path and source line. */
  readonly where: string | undefined;

  constructor(parts: WtwErrorParts, options?: ErrorOptions) {
    super(parts.message, options);
    this.code = parts.code;
    this.slug = parts.slug;
    this.hint = parts.hint;
    this.where = parts.where;
  }
}

/** Also true of errors from another copy of this module. */
export function isWtwError(error: unknown): error is WtwError {
  return error instanceof Error && error.name === 'WtwError';
}
