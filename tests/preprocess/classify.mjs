// A package and a file of RGB bytes in, its logits and best classes out: in Node.
import { readFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';

const [folder, file, width, height] = process.argv.slice(2);
const { load, isWtwError } = await import(pathToFileURL(`${folder}/index.node.js`).href);
const data = new Uint8Array(await readFile(file));
const x = { data, width: Number(width), height: Number(height) };

const refused = async (promise) =>
  promise.then(
    () => 'it worked',
    (error) => isWtwError(error) && `${error.code} ${error.message}`,
  );

const model = await load();
const [{ output }, best] = await Promise.all([model.run({ x }), model.classify({ x })]);
const errors = {
  blob: await refused(model.run({ x: new Blob([data]) })),
  sizes: await refused(model.run({ x: { ...x, width: x.width + 1 } })),
  unknown: await refused(model.run({ y: x })),
  missing: await refused(model.run({})),
  top: await refused(model.classify({ x }, { top: 0.5 })),
};
const [{ preprocess }] = model.info.inputs;
const [{ classes }] = model.info.outputs;
await model.dispose();
const facts = { logits: [...output.data], best, errors, kind: preprocess.kind };
console.log(JSON.stringify({ ...facts, labels: classes.labels.length }));
