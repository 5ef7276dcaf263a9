// Every address stands here as a literal, so that bundlers find the files and emit them.
import { loadModel } from './loader.js';
@imports@
const assets = {
@assets@
};

const startWorker = () =>
  new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });

export const load = (options) => loadModel(assets, startWorker, options@extensions@);
export { WtwError, isWtwError } from './loader.js';
