// The shared error table in, WtwErrors out; and back and forth across the worker's border.
import { ERRORS } from '../../build/generated/errors.ts';
import { isWtwError, WtwError, type WtwErrorParts } from './wtw_error.ts';

export type Slug = keyof typeof ERRORS;
export type Fields = Readonly<Record<string, string | number | bigint | undefined>>;

/** The table's row with its templates filled in; `where` is also kept on the error. */
export function wtwError(slug: Slug, fields: Fields = {}, options?: ErrorOptions): WtwError {
  const row = ERRORS[slug];
  const hint = fill(row.hint, fields);
  const message = `${row.code}: ${fill(row.message, fields)}. ${hint}`;
  const where = fields.where === undefined ? undefined : String(fields.where);
  return new WtwError({ code: row.code, slug, message, hint, where }, options);
}

/** What a call is refused with whose `signal` said so. */
export function aborted(signal: AbortSignal | undefined): WtwError {
  return wtwError('aborted', {}, { cause: signal?.reason });
}

const BY_NUMBER = new Map(
  (Object.keys(ERRORS) as Slug[]).map((slug) => [ERRORS[slug].number as number, slug]),
);

/** The slug of the number that the runtime reports. */
export function slugOf(number: number): Slug | undefined {
  return BY_NUMBER.get(number);
}

export function toWire(error: unknown): WtwErrorParts {
  const { code, slug, message, hint, where } = asWtwError(error);
  return { code, slug, message, hint, where };
}

export function fromWire(parts: WtwErrorParts): WtwError {
  return new WtwError(parts);
}

/** Anything that was thrown: coded errors stay what they are, the rest is a bug of ours. */
export function asWtwError(error: unknown): WtwError {
  if (isWtwError(error)) return error;
  const reason = reasonOf(error);
  return wtwError('internal', { reason }, { cause: error });
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

/** A value that a caller passed, for a message: objects may have no text of their own. */
export function told(value: unknown): string {
  return Object(value) === value ? 'an object' : String(value);
}

// The templates are Python's, with nothing but names in the braces.
function fill(template: string, fields: Fields): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => String(fields[name] ?? '?'));
}
