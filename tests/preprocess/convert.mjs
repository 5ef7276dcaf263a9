// A job file in: an extension of the runtime, ports and values. What `run` of the model is then
// given out, a file for each: the model is one that does nothing with it.
import { readFile, writeFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';

const [jobFile] = process.argv.slice(2);
const { script, extension, jobs } = JSON.parse(await readFile(jobFile, 'utf8'));
const { [extension]: extend } = await import(pathToFileURL(script).href);

const fail = (slug, fields) => new Error(`${slug} ${JSON.stringify(fields)}`);

async function given({ file, type = 'Uint8Array', ...rest }) {
  const { buffer } = new Uint8Array(await readFile(file));
  return { ...rest, data: new globalThis[type](buffer) };
}

for (const { port, values, list = false, out } of jobs) {
  const model = extend({ info: { inputs: [port] }, run: async (inputs) => inputs }, fail);
  const all = await Promise.all(values.map(given));
  const start = performance.now();
  const { [port.name]: tensor } = await model.run({ [port.name]: list ? all : all[0] });
  const milliseconds = performance.now() - start;
  await writeFile(out, new Uint8Array(tensor.data.buffer));
  const { shape } = tensor;
  console.log(JSON.stringify({ shape, array: tensor.data.constructor.name, milliseconds }));
}
