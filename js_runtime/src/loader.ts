// loader.js: what index.js of a package imports in a browser.
import { browser } from './browser.ts';
import { diagnoserFor } from './diagnose.ts';
import { loaderFor } from './load.ts';
import { browserSurroundings } from './surroundings.ts';

export const loadModel = loaderFor(browser);
export const diagnosePackage = diagnoserFor(browser, browserSurroundings);
export { isWtwError, WtwError } from './wtw_error.ts';
