// Loads the package with the options in the address; tells the server when, and what came of it.
import { load } from '/package/index.js';

const tell = (moment, facts) =>
  fetch(`/moment/${moment}`, { method: 'POST', body: JSON.stringify(facts) });

await new Promise((resolve) => setTimeout(resolve, 300)); // the page itself settles
await tell('before');
let last;
const onProgress = (progress) => (last = progress);
const options = JSON.parse(decodeURIComponent(location.search.slice(1)));
const model = await load({ ...options, onProgress });
await tell('after', { ...model.info, cached: last.cached / last.total });

// What is kept for the next visit is written when the model runs already.
const files = async () => (await (await caches.open('wasm-torch-web')).keys()).length;
for (let [before, now] = [-1, await files()]; now !== before;) {
  await new Promise((resolve) => setTimeout(resolve, 1000));
  [before, now] = [now, await files()];
}
await tell('kept');
