// A JSON Schema and data in, the first fault out: the part of JSON Schema 2020-12 that
// manifest.schema.json uses, so that one definition serves Python and JavaScript.

export interface Schema {
  readonly [keyword: string]: unknown;
}

type Rule = (parameter: never, data: unknown, at: string, check: Check) => string | undefined;
type Check = (schema: Schema, data: unknown, at: string) => string | undefined;

/** Where and what, such as `/plan/bytes: less than 1`; undefined if all is well. */
export function faultOf(root: Schema, data: unknown): string | undefined {
  const definitions = root.$defs as Record<string, Schema>;
  const check: Check = (schema, value, at) => {
    for (const [keyword, parameter] of Object.entries(schema)) {
      const fault =
        keyword === '$ref'
          ? check(definitions[(parameter as string).slice('#/$defs/'.length)] as Schema, value, at)
          : RULES[keyword]?.(parameter as never, value, at, check);
      if (fault !== undefined) return fault;
    }
    return schema.additionalProperties === undefined
      ? undefined
      : additionalFault(schema, value, at, check);
  };
  return check(root, data, '');
}

const isObject = (data: unknown): data is Record<string, unknown> =>
  typeof data === 'object' && data !== null && !Array.isArray(data);

const has = (object: object, name: string) => Object.prototype.hasOwnProperty.call(object, name);

function typeOf(data: unknown): string {
  if (data === null) return 'null';
  if (Array.isArray(data)) return 'array';
  return Number.isInteger(data) ? 'integer' : typeof data;
}

const say = (wrong: boolean, at: string, what: string) => (wrong ? `${at}: ${what}` : undefined);

function firstFault<T>(items: Iterable<T>, fault: (item: T) => string | undefined) {
  for (const item of items) {
    const found = fault(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

function additionalFault(schema: Schema, data: unknown, at: string, check: Check) {
  if (!isObject(data)) return undefined;
  const known = (schema.properties ?? {}) as Record<string, Schema>;
  const others = Object.entries(data).filter(([name]) => !has(known, name));
  const rule = schema.additionalProperties;
  return firstFault(others, ([name, value]) =>
    rule === false ? `${at}: unknown ${name}` : check(rule as Schema, value, `${at}/${name}`),
  );
}

const number = (data: unknown) => typeof data === 'number';
const string = (data: unknown) => typeof data === 'string';

/** Keywords with a rule; each looks only at data of its own type, as JSON Schema has it. */
const RULES: Readonly<Record<string, Rule>> = {
  type: (types: string | string[], data, at) => {
    const type = typeOf(data);
    const fits = [types].flat().some((t) => t === type || (t === 'number' && type === 'integer'));
    return say(!fits, at, `${type} instead of ${[types].flat().join(' or ')}`);
  },
  const: (value: unknown, data, at) => say(data !== value, at, `not ${JSON.stringify(value)}`),
  enum: (values: unknown[], data, at) =>
    say(!values.includes(data), at, `none of ${values.join(', ')}`),
  minimum: (least: number, data, at) =>
    say(number(data) && (data as number) < least, at, `less than ${least}`),
  maximum: (most: number, data, at) =>
    say(number(data) && (data as number) > most, at, `more than ${most}`),
  multipleOf: (step: number, data, at) =>
    say(number(data) && (data as number) % step !== 0, at, `no multiple of ${step}`),
  minLength: (least: number, data, at) =>
    say(string(data) && [...(data as string)].length < least, at, `shorter than ${least}`),
  maxLength: (most: number, data, at) =>
    say(string(data) && [...(data as string)].length > most, at, `longer than ${most}`),
  pattern: (pattern: string, data, at) =>
    say(string(data) && !new RegExp(pattern, 'u').test(data as string), at, `not ${pattern}`),
  minItems: (least: number, data, at) =>
    say(Array.isArray(data) && data.length < least, at, `fewer than ${least} items`),
  maxItems: (most: number, data, at) =>
    say(Array.isArray(data) && data.length > most, at, `more than ${most} items`),
  items: (schema: Schema, data, at, check) =>
    Array.isArray(data)
      ? firstFault(data.entries(), ([i, item]) => check(schema, item, `${at}/${i}`))
      : undefined,
  required: (names: string[], data, at) =>
    isObject(data)
      ? firstFault(names, (name) => say(!has(data, name), at, `${name} is missing`))
      : undefined,
  maxProperties: (most: number, data, at) =>
    say(isObject(data) && Object.keys(data).length > most, at, `more than ${most} properties`),
  propertyNames: (schema: Schema, data, at, check) =>
    isObject(data)
      ? firstFault(Object.keys(data), (name) => check(schema, name, `${at}/${name}`))
      : undefined,
  properties: (schemas: Record<string, Schema>, data, at, check) =>
    isObject(data)
      ? firstFault(Object.entries(schemas), ([name, schema]) =>
          has(data, name) ? check(schema, data[name], `${at}/${name}`) : undefined,
        )
      : undefined,
  oneOf: (schemas: Schema[], data, at, check) => {
    const faults = schemas.map((schema) => check(schema, data, at));
    const fitting = faults.filter((fault) => fault === undefined).length;
    return say(fitting !== 1, at, `fits ${fitting} of ${schemas.length} forms instead of one`);
  },
};
