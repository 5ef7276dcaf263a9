// The adapter of LiteRT.js (the contract is in /benchmark/visit.js): XNNPACK with relaxed SIMD. Its
// tensors are float32 and int32; it has a build with threads and one without.
import { loadAndCompile, loadLiteRt, Tensor } from '@litertjs/core';

export async function open({ url, threads }) {
  await loadLiteRt('/peers/@litertjs/core/wasm/', { threads: threads > 1 });
  const model = await loadAndCompile(url, {
    accelerator: 'wasm',
    cpuOptions: { numThreads: threads },
  });
  const names = model.getOutputDetails().map(({ name }) => name);
  names.sort((a, b) => number(a) - number(b));
  return { info: { threads }, run: (inputs) => run(model, names, inputs) };
}

const number = (name) => Number(/\d+$/.exec(name)?.[0] ?? 0); // output_10 comes after output_9

async function run(model, names, inputs) {
  const feeds = Object.values(inputs).map(({ data, shape }, index) => [
    `args_${index}`,
    new Tensor(data instanceof BigInt64Array ? Int32Array.from(data, Number) : data, shape),
  ]);
  const found = await model.run(Object.fromEntries(feeds));
  const outputs = [];
  for (const name of names) {
    const { type } = found[name];
    const shape = [...type.layout.dimensions];
    outputs.push([name, { data: await found[name].data(), shape, dtype: type.dtype }]);
    found[name].delete();
  }
  for (const [, tensor] of feeds) tensor.delete();
  return Object.fromEntries(outputs);
}
