import { Worker } from 'node:worker_threads';
import { diagnosePackage, loadModel } from './loader.node.js';
@imports@
const assets = {
@assets@
  'worker.js': 'worker.js',
};

const startWorker = () => new Worker(new URL('./worker.js', import.meta.url));

export const load = (options) => loadModel(assets, startWorker, options@extensions@);
export const diagnose = () => diagnosePackage('@name@ @version@');
export { WtwError, isWtwError } from './loader.node.js';
