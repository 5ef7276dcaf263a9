// How values of a kind become tensors in, the extension that lets `run` take such values out.
import type {
  Extension,
  Fail,
  InputValue,
  Model,
  PortInfo,
  RunOptions,
  TensorInput,
} from './types.ts';

/** A tensor at once where that can be: then the call needs no turn of its own. */
export type Convert = (
  port: PortInfo,
  value: object,
  fail: Fail,
) => TensorInput | Promise<TensorInput>;

type Inputs = Record<string, InputValue>;
type Run = (inputs: Inputs, options?: RunOptions) => Promise<unknown>;

/** Replaces `run` of a model: inputs whose preprocessing is of this kind may be as people have them. */
export const converting =
  (kind: 'image' | 'audio', convert: Convert): Extension =>
  (model, fail) => {
    const ports = model.info.inputs.filter((port) => port.preprocess?.kind === kind);
    const inTurn = queued(model.run.bind(model) as Run);
    const run: Run = async (inputs, options) => {
      const values = Object.entries(inputs ?? {}).map(([name, value]) => {
        const port = ports.find((one) => one.name === name);
        return [name, port && isRaw(value) ? convert(port, value, fail) : value] as const;
      });
      return inTurn(values, options);
    };
    return Object.assign(model, { run: run as Model['run'] });
  };

type Entries = readonly (readonly [string, InputValue | Promise<TensorInput>])[];

/** Calls are made in the order they came, although some wait for a picture to be read. */
function queued(run: Run): (values: Entries, options?: RunOptions) => Promise<unknown> {
  let before: Promise<unknown> | undefined; // settles when the calls so far are made
  return (values, options) => {
    const waits = before !== undefined || values.some(([, value]) => value instanceof Promise);
    if (!waits) return run(Object.fromEntries(values) as Inputs, options);
    // The caller may change its tensors from now on.
    const ready = Promise.all(values.map(async ([name, value]) => [name, await kept(value)]));
    const made = Promise.all([ready, before]).then(([entries]) => ({
      answer: run(Object.fromEntries(entries) as Inputs, options),
    }));
    const settled: Promise<unknown> = made
      .catch(() => {})
      .then(() => {
        if (before === settled) before = undefined;
      });
    before = settled;
    return made.then(({ answer }) => answer);
  };
}

/** No tensor yet. */
function isRaw(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false;
  return Array.isArray(value) ? typeof value[0] === 'object' : !('shape' in value);
}

/** A copy of a tensor's data; everything else as it is. */
function kept<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if ('data' in value && 'shape' in value) return { ...value, data: kept(value.data) };
  const data = Array.isArray(value) || (ArrayBuffer.isView(value) && 'slice' in value);
  return data ? ((value as unknown as unknown[]).slice() as T) : value;
}
