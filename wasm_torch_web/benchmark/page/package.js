// The adapter of a package that wasm-torch-web built: `url` is its folder, the rest is for load().
export async function open({ url, ...options }) {
  const { load } = await import(`${url}/index.js`);
  const model = await load(options);
  const { variant, threads, why } = model.info;
  return { info: { variant, threads, why }, run: (inputs) => model.run(inputs) };
}
