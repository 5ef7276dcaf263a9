// What Python calls in the page: some cases in, what became of each out.
import { loadModel, isWtwError } from '/js/loader.js';
import { outcome, RUNTIME } from './host.js';

const wasm = new Uint8Array(await (await fetch(`/runtime/${RUNTIME}`)).arrayBuffer());

window.outcomes = async (cases) => {
  const found = [];
  for (const [i, entry] of cases) {
    found.push(await outcome({ loadModel, isWtwError }, wasm, `/cases/${i}`, entry));
  }
  return found;
};
