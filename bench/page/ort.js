// The adapter of onnxruntime-web (the contract is in /benchmark/visit.js): its smallest build, which
// has the CPU provider alone.
import * as ort from '/peers/onnxruntime-web/dist/ort.wasm.min.mjs';

export async function open({ url, threads }) {
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmPaths = '/peers/onnxruntime-web/dist/';
  const session = await ort.InferenceSession.create(url, { executionProviders: ['wasm'] });
  return { info: { threads }, run: (inputs) => run(session, inputs) };
}

// Inputs and outputs keep the order of the model's.
async function run(session, inputs) {
  const feeds = Object.values(inputs).map(({ data, shape, dtype }, index) => [
    session.inputNames[index],
    new ort.Tensor(dtype, data, shape),
  ]);
  const found = await session.run(Object.fromEntries(feeds));
  const outputs = session.outputNames.map((name) => {
    const { data, dims, type } = found[name];
    return [name, { data, shape: dims, dtype: type }];
  });
  return Object.fromEntries(outputs);
}
