// loader.node.js: what index.node.js of a package imports.
import { diagnoserFor } from './diagnose.ts';
import { loaderFor } from './load.ts';
import { node } from './node.ts';
import { nodeSurroundings } from './surroundings.node.ts';

export const loadModel = loaderFor(node);
export const diagnosePackage = diagnoserFor(node, nodeSurroundings);
export { isWtwError, WtwError } from './wtw_error.ts';
