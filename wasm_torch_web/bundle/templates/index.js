// Every address stands here as a literal, once, so that bundlers find the files and emit them; the
// worker's where it is started.
import { diagnosePackage, loadModel } from './loader.js';
@imports@
const assets = {
@assets@
  'worker.js': 'worker.js',
};

const startWorker = () =>
  new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });

export const load = (options) => loadModel(assets, startWorker, options@extensions@);
export const diagnose = () => diagnosePackage('@name@ @version@');
export { WtwError, isWtwError } from './loader.js';
