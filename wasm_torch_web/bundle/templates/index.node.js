import { Worker } from 'node:worker_threads';
import { loadModel } from './loader.node.js';

const assets = {
@assets@
  'worker.js': 'worker.js',
};

const startWorker = () => new Worker(new URL('./worker.js', import.meta.url));

export const load = (options) => loadModel(assets, startWorker, options);
export { WtwError, isWtwError } from './loader.node.js';
