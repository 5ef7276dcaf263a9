// A loaded model on the thread that computes: wire inputs in, wire outputs out, over the C API.
import { dtypeOf } from './dtypes.ts';
import { FAILURE_BYTES, failureError, readFailure } from './failure.ts';
import type { Instance } from './instance.ts';
import { fixedValue } from './tensors.ts';
import type { Manifest } from './manifest.ts';
import type { WireInput, WireOutput, WireTensor } from './protocol.ts';

// struct Io of csrc/api.h.
const IO = { bytes: 128, data: 0, size: 8, kind: 16, dtype: 20, rank: 24, integer: 32, real: 40, shape: 48 };
const KINDS = ['tensor', 'int', 'float', 'bool'] as const;
const ALL = 0xffffffff;

export class Engine {
  private readonly session: number;

  /** `model` is a handle of wtw_model_new; its plan and weights stay in memory. */
  constructor(
    private readonly instance: Instance,
    private readonly manifest: Manifest,
    private readonly model: number,
  ) {
    this.session = this.newSession();
  }

  /** Runs `forward`; `keep` keeps every value for peek. */
  run(inputs: readonly WireInput[], keep = false): WireOutput[] {
    return this.runSession(this.session, inputs, keep);
  }

  reset(): void {
    this.instance.runtime.wtw_session_reset(this.session);
  }

  /** Calls `work` with a run that has state and memory of its own. */
  withSession<T>(work: (run: (inputs: readonly WireInput[]) => WireOutput[]) => T): T {
    const session = this.newSession();
    try {
      return work((inputs) => this.runSession(session, inputs, false));
    } finally {
      this.instance.runtime.wtw_session_free(session);
    }
  }

  /** A value of the last run that kept all. */
  peek(program: string, node: number, output: number): WireTensor {
    const index = this.programIndex(program);
    const io = this.instance.alloc(IO.bytes);
    const memories = [io];
    try {
      const ask = (memory: number, bytes: number) =>
        this.check(
          this.instance.runtime.wtw_peek(this.session, index, node, output, io, memory, bytes),
          program,
        );
      ask(0, 0); // only its size
      const bytes = Number(this.instance.view(io, IO.bytes).getBigUint64(IO.size, true));
      const memory = this.instance.alloc(Math.max(bytes, 1));
      memories.push(memory);
      ask(memory, bytes);
      return this.tensorAt(this.instance.view(io, IO.bytes), memory);
    } finally {
      memories.forEach((memory) => this.instance.runtime.wtw_free(memory));
    }
  }

  private runSession(session: number, inputs: readonly WireInput[], keep: boolean): WireOutput[] {
    const { runtime } = this.instance;
    const index = this.programIndex('forward');
    const { outputs } = this.manifest.programs.forward;
    const io = runtime.wtw_io(session, index) >>> 0;
    runtime.wtw_keep(session, keep ? 1 : 0);
    inputs.forEach((input, i) => writeIo(this.ioAt(io, i), input));
    this.check(runtime.wtw_bind(session, index), 'forward');
    inputs.forEach((input, i) => this.copyIn(this.ioAt(io, i), input));
    this.check(runtime.wtw_run(session, index, 0, ALL), 'forward');
    const computed = outputs.filter((port) => fixedValue(port) === undefined);
    return computed.map((_, i) => this.readIo(this.ioAt(io, inputs.length + i)));
  }

  // Memory may have grown since the last look: views are made anew each time.
  private ioAt(io: number, i: number): DataView {
    return this.instance.view(io + i * IO.bytes, IO.bytes);
  }

  private copyIn(io: DataView, input: WireInput): void {
    if (!('bytes' in input)) return;
    const address = Number(io.getBigUint64(IO.data, true));
    this.instance.bytes(address, input.bytes.length).set(input.bytes);
  }

  private readIo(io: DataView): WireOutput {
    switch (KINDS[io.getUint32(IO.kind, true)]) {
      case 'int':
        return Number(io.getBigInt64(IO.integer, true));
      case 'float':
        return io.getFloat64(IO.real, true);
      case 'bool':
        return io.getBigInt64(IO.integer, true) !== 0n;
      default:
        return this.tensorAt(io, Number(io.getBigUint64(IO.data, true)));
    }
  }

  private tensorAt(io: DataView, address: number): WireTensor {
    const rank = io.getUint32(IO.rank, true);
    const shape = Array.from({ length: rank }, (_, axis) =>
      Number(io.getBigInt64(IO.shape + 8 * axis, true)),
    );
    const elements = this.instance.bytes(address, Number(io.getBigUint64(IO.size, true)));
    const buffer = new ArrayBuffer(elements.length);
    new Uint8Array(buffer).set(elements);
    return { buffer, shape, dtype: dtypeOf(io.getUint32(IO.dtype, true)) };
  }

  private newSession(): number {
    const session = this.instance.runtime.wtw_session_new(this.model) >>> 0;
    if (session === 0) throw lastFailure(this.instance, this.manifest);
    return session;
  }

  private programIndex(program: string): number {
    return Object.keys(this.manifest.programs).indexOf(program);
  }

  private check(code: number, program: string): void {
    if (code !== 0) throw lastFailure(this.instance, this.manifest, program);
  }
}

/** What went wrong in the runtime's last call, as an error. */
export function lastFailure(instance: Instance, manifest: Manifest, program = 'forward') {
  const address = instance.runtime.wtw_failure() >>> 0;
  return failureError(readFailure(instance.view(address, FAILURE_BYTES)), manifest, program);
}

function writeIo(io: DataView, input: WireInput): void {
  if ('bytes' in input) {
    io.setUint32(IO.rank, input.shape.length, true);
    input.shape.forEach((size, axis) => io.setBigInt64(IO.shape + 8 * axis, BigInt(size), true));
  } else if ('integer' in input) {
    io.setBigInt64(IO.integer, input.integer, true);
  } else {
    io.setFloat64(IO.real, input.real, true);
  }
}
