// loader.js: what index.js of a package imports in a browser.
import { browser } from './browser.ts';
import { loaderFor } from './load.ts';

export const loadModel = loaderFor(browser);
export { isWtwError, WtwError } from './wtw_error.ts';
