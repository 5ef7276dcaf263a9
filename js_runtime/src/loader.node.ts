// loader.node.js: what index.node.js of a package imports.
import { loaderFor } from './load.ts';
import { node } from './node.ts';

export const loadModel = loaderFor(node);
export { isWtwError, WtwError } from './wtw_error.ts';
