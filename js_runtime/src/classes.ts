// classes.js: what index.js of a package imports that was built with `--labels`.
import type { Classes } from '../../build/generated/manifest.ts';
import type { Classification } from './classification.ts';
import { toNumbers } from './compare.ts';
import type { Extension, InputValue, PortInfo, RunOptions, TensorOutput } from './types.ts';

interface Options extends RunOptions {
  /** How many of the best. */
  readonly top?: number;
}

/** Adds `classify`: the best classes of the output that has labels, of each row of a batch. */
export const classes: Extension = (model, fail) => {
  const port = model.info.outputs.find((one) => one.classes !== undefined) as PortInfo;
  const { labels, scores } = port.classes as Classes;
  const single = port.shape.slice(0, -1).every((size) => size === 1);
  const classify = async (inputs: Record<string, InputValue>, options: Options = {}) => {
    const { top = 5, ...rest } = options;
    if (!Number.isInteger(top) || top < 1) {
      throw fail('input-scalar', { name: 'top', expected: 'int', given: String(top) });
    }
    const outputs = await model.run(inputs, { ...rest, profile: false });
    const { data, dtype } = outputs[port.name] as TensorOutput;
    const rows = rowsOf(toNumbers(dtype, data.buffer as ArrayBuffer), labels.length);
    const best = rows.map((row) => bestOf(SCORES[scores](row), labels, top));
    return single ? best[0] : best;
  };
  return Object.assign(model, { classify });
};

function rowsOf(values: Float64Array, length: number): Float64Array[] {
  return Array.from({ length: values.length / length }, (_, row) =>
    values.subarray(row * length, (row + 1) * length),
  );
}

const SCORES: Readonly<Record<Classes['scores'], (row: Float64Array) => Float64Array>> = {
  softmax: (row) => {
    const most = row.reduce((a, b) => Math.max(a, b), -Infinity);
    const powers = row.map((x) => Math.exp(x - most));
    const sum = powers.reduce((a, b) => a + b, 0);
    return powers.map((x) => x / sum);
  },
  sigmoid: (row) => row.map((x) => 1 / (1 + Math.exp(-x))),
  given: (row) => row,
};

function bestOf(row: Float64Array, labels: readonly string[], top: number): Classification[] {
  const score = (index: number) => row[index] as number;
  const order = [...row.keys()].sort((a, b) => score(b) - score(a));
  return order.slice(0, top).map((index) => ({
    label: labels[index] as string,
    index,
    score: score(index),
  }));
}
