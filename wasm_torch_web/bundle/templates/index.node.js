import { Worker } from 'node:worker_threads';
import { loadModel } from './loader.node.js';
@imports@
const assets = {
@assets@
};

const startWorker = () => new Worker(new URL('./worker.js', import.meta.url));

export const load = (options) => loadModel(assets, startWorker, options@extensions@);
export { WtwError, isWtwError } from './loader.node.js';
