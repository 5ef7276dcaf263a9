// Runs plans on a compiled variant through its C interface alone.
//
//   node run_wasm_cases.mjs VARIANT.wasm CASES.json CASES.bin OUTPUTS.bin
//
// CASES.json: [{plan, weights, inputs: [{shape, at}], outputs}], each `at` an [offset, length] of
// CASES.bin; without `plan`, one more run of the session before. A variant with threads has two of
// them. OUTPUTS.bin: for each case u32 code (2^32 - 1: a trap), then of a failure what
// wtw_failure says, else for each output u32 bytes and the bytes (of a number: 8, of a bool 1).
import { openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { isMainThread, Worker, workerData } from 'node:worker_threads';

const IO_BYTES = 128;
const FAILURE_BYTES = 48;
const [TENSOR, FLOAT, BOOL] = [0, 2, 3];
const TRAPPED = 0xffffffff;
const [wasm, list, blob, out] = process.argv.slice(2);
const module = new WebAssembly.Module(readFileSync(wasm));
const shared = wasm.endsWith('-threads.wasm');
const content = openSync(blob);
let memory, exports, opened, helper;

async function start() {
  await helper?.terminate();
  memory = new WebAssembly.Memory({ initial: 64, maximum: 65536, shared });
  exports = instance(memory);
  exports._initialize();
  opened = undefined;
  if (!shared) return;
  const workerData = { memory, handle: exports.wtw_helper_new() };
  helper = new Worker(new URL(import.meta.url), { argv: process.argv.slice(2), workerData });
  while (exports.wtw_helpers() === 0) await new Promise((resolve) => setTimeout(resolve, 5));
}

function instance(memory) {
  return new WebAssembly.Instance(module, { env: { memory } }).exports;
}

function place([offset, length]) {
  const address = exports.wtw_alloc(Math.max(length, 1)) >>> 0;
  copy(offset, length, address);
  return address;
}

// No more than a gigabyte at once: Node refuses two.
function copy(offset, length, address) {
  const to = new Uint8Array(memory.buffer, address, length);
  for (let done = 0; done < length; ) {
    done += readSync(content, to, done, Math.min(length - done, 2 ** 30), offset + done);
  }
}

function open(one) {
  const [plan, weights] = [place(one.plan), place(one.weights)];
  const model = exports.wtw_model_new(plan, one.plan[1], weights, one.weights[1]);
  return { plan, weights, model, session: model && exports.wtw_session_new(model) };
}

function close({ plan, weights, model, session }) {
  if (session) exports.wtw_session_free(session);
  if (model) exports.wtw_model_free(model);
  exports.wtw_free(plan);
  exports.wtw_free(weights);
}

function run(one) {
  if (one.plan && opened) close(opened);
  if (one.plan) opened = open(one);
  if (!opened) return { trapped: true };
  const ran = opened.session && execute(one, opened.session) === 0;
  return ran ? { outputs: read(one, opened.session) } : { failure: failure() };
}

function failure() {
  const address = exports.wtw_failure() >>> 0;
  return new Uint8Array(memory.buffer).slice(address, address + FAILURE_BYTES);
}

function execute(one, session) {
  const io = exports.wtw_io(session, 0) >>> 0;
  let view = new DataView(memory.buffer);
  one.inputs.forEach(({ shape }, i) => {
    const record = io + i * IO_BYTES;
    view.setUint32(record + 24, shape.length, true);
    shape.forEach((size, axis) => view.setBigInt64(record + 48 + 8 * axis, BigInt(size), true));
  });
  const code = exports.wtw_bind(session, 0);
  if (code) return code;
  view = new DataView(memory.buffer);
  one.inputs.forEach(({ at: [offset, length] }, i) => {
    const address = Number(view.getBigUint64(io + i * IO_BYTES, true));
    copy(offset, length, address);
  });
  return exports.wtw_run(session, 0, 0, -1);
}

function read(one, session) {
  const io = exports.wtw_io(session, 0) >>> 0;
  const view = new DataView(memory.buffer);
  return Array.from({ length: one.outputs }, (_, i) => {
    const [address, length] = result(view, io + (one.inputs.length + i) * IO_BYTES);
    return new Uint8Array(memory.buffer).slice(address, address + length);
  });
}

// Where the output of an Io record lies, and its bytes: a number lies in the record.
function result(view, record) {
  const kind = view.getUint32(record + 16, true);
  if (kind === TENSOR) return [0, 8].map((at) => Number(view.getBigUint64(record + at, true)));
  return [record + (kind === FLOAT ? 40 : 32), kind === BOOL ? 1 : 8];
}

// A trap leaves the instance in the middle of something.
async function attempt(one) {
  try {
    return run(one);
  } catch (error) {
    if (!(error instanceof WebAssembly.RuntimeError)) throw error;
    await start();
    return { trapped: true };
  }
}

function word(value) {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

function record({ outputs, failure }) {
  if (outputs) return [word(0), ...outputs.flatMap((bytes) => [word(bytes.length), bytes])];
  return failure ? [failure.slice(0, 4), failure] : [word(TRAPPED)];
}

async function main() {
  await start();
  const parts = [];
  for (const one of JSON.parse(readFileSync(list, 'utf8'))) parts.push(...record(await attempt(one)));
  writeFileSync(out, Buffer.concat(parts));
  await helper?.terminate();
}

if (isMainThread) await main();
else instance(workerData.memory).wtw_helper_run(workerData.handle);
