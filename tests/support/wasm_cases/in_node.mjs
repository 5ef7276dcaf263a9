// node in_node.mjs VARIANT.wasm CASES.json CASES.bin OUTPUTS.bin
//
// The files are cases, their content and the results as runner.mjs has them. A variant with
// threads has two of them.
import { openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { isMainThread, Worker, workerData } from 'node:worker_threads';

import { instance, runAll } from './runner.mjs';

const [wasm, list, blob, out] = process.argv.slice(2);
const module = new WebAssembly.Module(readFileSync(wasm));
const shared = wasm.endsWith('-threads.wasm');
let helper;

// No more than a gigabyte at once: Node refuses two.
function copyFrom(content) {
  return (offset, to) => {
    for (let done = 0; done < to.length; ) {
      done += readSync(content, to, done, Math.min(to.length - done, 2 ** 30), offset + done);
    }
  };
}

async function addHelper(memory, exports) {
  await helper?.terminate();
  const workerData = { memory, handle: exports.wtw_helper_new() };
  helper = new Worker(new URL(import.meta.url), { argv: process.argv.slice(2), workerData });
  while (exports.wtw_helpers() === 0) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function main() {
  const cases = JSON.parse(readFileSync(list, 'utf8'));
  const options = shared ? { shared, started: addHelper } : {};
  const parts = await runAll(module, cases, copyFrom(openSync(blob)), options);
  writeFileSync(out, Buffer.concat(parts));
  await helper?.terminate();
}

if (isMainThread) await main();
else instance(module, workerData.memory).wtw_helper_run(workerData.handle);
