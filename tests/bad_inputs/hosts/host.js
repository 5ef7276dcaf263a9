// The folder of a case in, what became of its load, run and self-test out: in Node and in a page.
const ARRAYS = {
  float32: Float32Array,
  int64: BigInt64Array,
};
export const RUNTIME = 'runtime-simd128-single.wasm';

// One runtime for all cases: compiling it anew would take most of the time.
const { compile } = WebAssembly;
let compiled;
WebAssembly.compile = (bytes) => (compiled ??= compile(bytes));

/** `runtime` is the wasm's content, `given` what the package runs on, in the order of its inputs. */
export async function outcome({ loadModel, isWtwError }, runtime, folder, { files, runs, given }) {
  const assets = Object.fromEntries(files.map((file) => [file, `${folder}/${file}`]));
  assets[RUNTIME] = RUNTIME;
  const start = performance.now();
  const said = async (work) => {
    try {
      return await work();
    } catch (error) {
      return isWtwError(error) ? error.code : `${error?.name}: ${error?.message}\n${error?.stack}`;
    }
  };
  let model;
  const options = {
    worker: false,
    variant: 'simd128-single',
    cache: false,
    files: { [RUNTIME]: runtime },
  };
  const loading = async () => void (model = await loadModel(assets, null, options));
  const found = { load: await said(loading) };
  found.load ??= 'ok';
  if (model !== undefined && runs) {
    found.run = await said(async () => digest(model, await model.run(inputsOf(model, given))));
    found.selfTest = await said(async () => (await model.selfTest()).passed);
    await model.dispose();
  }
  const polluted = {}.polluted !== undefined;
  return { ...found, polluted, milliseconds: performance.now() - start };
}

function inputsOf(model, given) {
  const named = model.info.inputs.map(({ name }, i) => [name, given[i] && tensorOf(given[i])]);
  return Object.fromEntries(named);
}

function tensorOf({ dtype, shape, data }) {
  const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  return { data: new ARRAYS[dtype](bytes.buffer), shape };
}

async function digest(model, outputs) {
  const parts = model.info.outputs.flatMap(({ name }) => {
    const output = outputs[name];
    if (typeof output !== 'object') return [bytesOf('number'), new Float64Array([Number(output)])];
    return [bytesOf(`${output.dtype} ${output.shape.join()}`), output.data];
  });
  const all = await new Blob(parts).arrayBuffer();
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', all));
  return Array.from(hash.slice(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

const bytesOf = (text) => new TextEncoder().encode(text);
