// Loads the package with the options in the address, as many times as they say; tells the server
// when, and what came of it.
import { load } from '/package/index.js';

const tell = (moment, facts) =>
  fetch(`/moment/${moment}`, { method: 'POST', body: JSON.stringify(facts) });
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const { times = 1, keeps, ...options } = JSON.parse(decodeURIComponent(location.search.slice(1)));
await pause(300); // the page itself settles
await tell('before');
for (let i = 0; i < times; ++i) {
  let last;
  const model = await load({ ...options, onProgress: (progress) => (last = progress) });
  const [{ name, shape }] = model.info.inputs;
  const data = new Float32Array(shape.reduce((product, size) => product * size));
  await Promise.all([1, 2, 3].map(() => model.run({ [name]: { data, shape } })));
  await kept(keeps);
  await tell('loaded', { ...model.info, cached: last.cached / last.total });
  await model.dispose();
}
await tell('disposed');

// What is kept for the next visit is written when the model runs already.
async function kept(files) {
  const cache = await caches.open('wasm-torch-web');
  while ((await cache.keys()).length < files) await pause(200);
}
