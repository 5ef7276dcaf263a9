// node.mjs LOADER RUNTIME FOLDER: FOLDER/cases.json in, a line of JSON for each case out.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { outcome, RUNTIME } from './host.js';

const [loader, runtime, folder] = process.argv.slice(2).map((path) => pathToFileURL(path).href);
const cases = JSON.parse(readFileSync(new URL(`${folder}/cases.json`)));
const runtimeModule = await import(loader);
const wasm = readFileSync(new URL(`${runtime}/${RUNTIME}`));
for (const [i, entry] of cases.entries()) {
  const found = await outcome(runtimeModule, wasm, `${folder}/${i}`, entry);
  process.stdout.write(`${JSON.stringify(found)}\n`);
}
