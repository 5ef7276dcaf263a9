// Runs plans on a compiled variant through its C interface alone, in Node or a page.
//
// Cases: [{plan, weights, inputs: [{shape, at}], outputs}], each `at` an [offset, length] of a
// content; without `plan`, one more run of the session before. Results: for each case u32 code
// (2^32 - 1: a trap), then of a failure what wtw_failure says, else for each output u32 bytes and
// the bytes (of a number: 8, of a bool 1).

const IO_BYTES = 128;
const FAILURE_BYTES = 48;
const [TENSOR, FLOAT, BOOL] = [0, 2, 3];
const TRAPPED = 0xffffffff;

export function instance(module, memory) {
  return new WebAssembly.Instance(module, { env: { memory } }).exports;
}

/**
 * The results of all cases, as parts of a file. `copy(offset, to)` fills an array with content;
 * `started(memory, exports)` is awaited before an instance is used.
 */
export async function runAll(module, cases, copy, { shared = false, started } = {}) {
  const start = async () => {
    const memory = new WebAssembly.Memory({ initial: 64, maximum: 65536, shared });
    const exports = instance(module, memory);
    exports._initialize();
    await started?.(memory, exports);
    return new Runner(memory, exports, copy);
  };
  let runner = await start();
  const parts = [];
  for (const one of cases) {
    try {
      parts.push(...record(runner.run(one)));
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError)) throw error;
      runner = await start(); // a trap leaves the instance in the middle of something
      parts.push(word(TRAPPED));
    }
  }
  return parts;
}

class Runner {
  constructor(memory, exports, copy) {
    Object.assign(this, { memory, exports, copy });
  }

  run(one) {
    if (one.plan && this.opened) this.close(this.opened);
    if (one.plan) this.opened = this.open(one);
    if (!this.opened) return {}; // lost in a trap
    const ran = this.opened.session && this.execute(one, this.opened.session) === 0;
    return ran ? { outputs: this.read(one, this.opened.session) } : { failure: this.failure() };
  }

  open(one) {
    const [plan, weights] = [this.place(one.plan), this.place(one.weights)];
    const model = this.exports.wtw_model_new(plan, one.plan[1], weights, one.weights[1]);
    return { plan, weights, model, session: model && this.exports.wtw_session_new(model) };
  }

  close({ plan, weights, model, session }) {
    if (session) this.exports.wtw_session_free(session);
    if (model) this.exports.wtw_model_free(model);
    this.exports.wtw_free(plan);
    this.exports.wtw_free(weights);
  }

  place([offset, length]) {
    const address = this.exports.wtw_alloc(Math.max(length, 1)) >>> 0;
    this.copy(offset, new Uint8Array(this.memory.buffer, address, length));
    return address;
  }

  execute(one, session) {
    const { wtw_io, wtw_bind, wtw_run } = this.exports;
    const io = wtw_io(session, 0) >>> 0;
    let view = new DataView(this.memory.buffer);
    one.inputs.forEach(({ shape }, i) => {
      const record = io + i * IO_BYTES;
      view.setUint32(record + 24, shape.length, true);
      shape.forEach((size, axis) => view.setBigInt64(record + 48 + 8 * axis, BigInt(size), true));
    });
    const code = wtw_bind(session, 0);
    if (code) return code;
    view = new DataView(this.memory.buffer);
    one.inputs.forEach(({ at: [offset, length] }, i) => {
      const address = Number(view.getBigUint64(io + i * IO_BYTES, true));
      this.copy(offset, new Uint8Array(this.memory.buffer, address, length));
    });
    return wtw_run(session, 0, 0, -1);
  }

  read(one, session) {
    const io = this.exports.wtw_io(session, 0) >>> 0;
    const view = new DataView(this.memory.buffer);
    return Array.from({ length: one.outputs }, (_, i) => {
      const [address, length] = result(view, io + (one.inputs.length + i) * IO_BYTES);
      return new Uint8Array(this.memory.buffer).slice(address, address + length);
    });
  }

  failure() {
    const address = this.exports.wtw_failure() >>> 0;
    return new Uint8Array(this.memory.buffer).slice(address, address + FAILURE_BYTES);
  }
}

// Where the output of an Io record lies, and its bytes: a number lies in the record.
function result(view, record) {
  const kind = view.getUint32(record + 16, true);
  if (kind === TENSOR) return [0, 8].map((at) => Number(view.getBigUint64(record + at, true)));
  return [record + (kind === FLOAT ? 40 : 32), kind === BOOL ? 1 : 8];
}

function record({ outputs, failure }) {
  if (outputs) return [word(0), ...outputs.flatMap((bytes) => [word(bytes.length), bytes])];
  return failure ? [failure.slice(0, 4), failure] : [word(TRAPPED)];
}

function word(value) {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}
