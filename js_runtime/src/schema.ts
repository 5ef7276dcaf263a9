// A JSON Schema and data in, the first fault out: the part of JSON Schema 2020-12 that
// manifest.schema.json uses, in the words of wasm_torch_web/format/schema.py: one definition serves
// Python and JavaScript.

export interface Schema {
  readonly [keyword: string]: unknown;
}

/** Faults begin with the rest of the path to them: only what is at fault costs a text. */
type Fault = string | undefined;
type Check = (schema: Schema, data: unknown) => Fault;
type Rule = (parameter: never, data: unknown, check: Check, schema: Schema) => Fault;

/** Where and what, such as `/plan/bytes: less than 1`; undefined if all is well. */
export function faultOf(root: Schema, data: unknown): Fault {
  const definitions = root.$defs as Record<string, Schema>;
  const known = new Map<Schema, [Rule, never][]>();
  const refer: Rule = (name: string, value, check) =>
    check(definitions[name.slice('#/$defs/'.length)] as Schema, value);
  const rulesOf = (schema: Schema) => {
    const keywords = Object.entries(schema) as [string, never][];
    const rules = keywords.flatMap(([keyword, parameter]): [Rule, never][] => {
      const rule = keyword === '$ref' ? refer : RULES[keyword];
      return rule ? [[rule, parameter]] : [];
    });
    known.set(schema, rules);
    return rules;
  };
  const check: Check = (schema, value) => {
    for (const [rule, parameter] of known.get(schema) ?? rulesOf(schema)) {
      const fault = rule(parameter, value, check, schema);
      if (fault !== undefined) return fault;
    }
    return undefined;
  };
  return check(root, data);
}

const isObject = (data: unknown): data is Record<string, unknown> =>
  typeof data === 'object' && data !== null && !Array.isArray(data);

/** Whether it is its own: every object has a `constructor`. */
export const has = (object: object, name: string) =>
  Object.prototype.hasOwnProperty.call(object, name);

function typeOf(data: unknown): string {
  if (data === null) return 'null';
  if (Array.isArray(data)) return 'array';
  return Number.isInteger(data) ? 'integer' : typeof data;
}

// JSON.parse makes an infinity of 1e400.
function fits(type: string, data: unknown): boolean {
  const found = typeOf(data);
  return type === 'number' ? Number.isFinite(data) : found === type;
}

/** A name of the file as messages have it. */
export const pathName = (name: string | number) =>
  String(name)
    .slice(0, 64)
    .replace(/[^ -~]/g, '?');

const within = (name: string | number, fault: Fault): Fault =>
  fault === undefined ? undefined : `/${pathName(name)}${fault}`;

function firstFault<T>(items: Iterable<T>, fault: (item: T) => Fault): Fault {
  for (const item of items) {
    const found = fault(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

// In code points, of which a string has at most its length.
const shorter = (text: string, least: number) =>
  text.length < 2 * least && [...text].length < least;
const longer = (text: string, most: number) => text.length > most && [...text].length > most;

const patterns = new Map<string, RegExp>();

function matches(pattern: string, text: string): boolean {
  const known = patterns.get(pattern) ?? new RegExp(pattern, 'u');
  patterns.set(pattern, known);
  return known.test(text);
}

/** Keywords with a rule; each looks only at data of its own type, as JSON Schema has it. */
const RULES: Readonly<Record<string, Rule>> = {
  type: (types: string | string[], data) => {
    const single = typeof types === 'string';
    if (single ? fits(types, data) : types.some((type) => fits(type, data))) return undefined;
    return `: ${typeOf(data)} instead of ${single ? types : types.join(' or ')}`;
  },
  const: (value: unknown, data) => (data !== value ? `: not ${JSON.stringify(value)}` : undefined),
  enum: (values: unknown[], data) =>
    values.includes(data) ? undefined : `: none of ${values.join(', ')}`,
  minimum: (least: number, data) =>
    typeof data === 'number' && data < least ? `: less than ${least}` : undefined,
  maximum: (most: number, data) =>
    typeof data === 'number' && data > most ? `: more than ${most}` : undefined,
  multipleOf: (step: number, data) =>
    typeof data === 'number' && data % step !== 0 ? `: no multiple of ${step}` : undefined,
  minLength: (least: number, data) =>
    typeof data === 'string' && shorter(data, least) ? `: shorter than ${least}` : undefined,
  maxLength: (most: number, data) =>
    typeof data === 'string' && longer(data, most) ? `: longer than ${most}` : undefined,
  pattern: (pattern: string, data) =>
    typeof data === 'string' && !matches(pattern, data) ? `: not ${pattern}` : undefined,
  minItems: (least: number, data) =>
    Array.isArray(data) && data.length < least ? `: fewer than ${least} items` : undefined,
  maxItems: (most: number, data) =>
    Array.isArray(data) && data.length > most ? `: more than ${most} items` : undefined,
  items: (schema: Schema, data, check) =>
    Array.isArray(data)
      ? firstFault(data.entries(), ([i, item]) => within(i, check(schema, item)))
      : undefined,
  required: (names: string[], data) => {
    const missing = isObject(data) ? names.find((name) => !has(data, name)) : undefined;
    return missing === undefined ? undefined : `: ${missing} is missing`;
  },
  maxProperties: (most: number, data) =>
    isObject(data) && Object.keys(data).length > most ? `: more than ${most}` : undefined,
  propertyNames: (schema: Schema, data, check) =>
    isObject(data)
      ? firstFault(Object.keys(data), (name) => within(name, check(schema, name)))
      : undefined,
  properties: (schemas: Record<string, Schema>, data, check) =>
    isObject(data)
      ? firstFault(Object.keys(data), (name) =>
          has(schemas, name) ? within(name, check(schemas[name] as Schema, data[name])) : undefined,
        )
      : undefined,
  additionalProperties: (rule: false | Schema, data, check, { properties = {} }) => {
    if (!isObject(data)) return undefined;
    const others = Object.keys(data).filter((name) => !has(properties as object, name));
    return firstFault(others, (name) =>
      rule === false ? `: unknown ${pathName(name)}` : within(name, check(rule, data[name])),
    );
  },
  oneOf: (schemas: Schema[], data, check) => {
    const fitting = schemas.filter((schema) => check(schema, data) === undefined).length;
    return fitting === 1
      ? undefined
      : `: fits ${fitting} of ${schemas.length} forms instead of one`;
  },
};
