// A loaded model on the thread that computes: wire inputs in, wire outputs out, over the C API.
import type { Control } from './control.ts';
import { dtypeNumber, dtypeOf } from './dtypes.ts';
import { aborted, wtwError } from './errors.ts';
import { FAILURE_BYTES, failureError, readFailure } from './failure.ts';
import type { Instance } from './instance.ts';
import { Spares } from './spares.ts';
import { computedOutputs } from './tensors.ts';
import type { Manifest, Node } from './manifest.ts';
import type { WireInput, WireOutput, WireTensor } from './protocol.ts';
import type { MemoryInfo, OperatorTime, Profile } from './types.ts';

// struct Io of csrc/api.h.
const IO = {
  bytes: 128,
  data: 0,
  size: 8,
  kind: 16,
  dtype: 20,
  rank: 24,
  integer: 32,
  real: 40,
  shape: 48,
};
const KINDS = ['tensor', 'int', 'float', 'bool'] as const;
const ALL = 0xffffffff;
const SLICE_MS = 1;
const MOST = 1 << 20; // nodes of a slice, where the clock stands still
const PROGRAM = 'forward';

const keyOf = (program: string, node: number, output: number) => `${program} ${node} ${output}`;

export class Engine {
  private readonly program: number;
  private readonly session: number;
  private readonly kept = new Map<string, WireTensor>();
  private readonly spares = new Spares();
  private threads: number | undefined; // as the runtime was told last

  /** `model` is a handle of wtw_model_new; its plan and weights stay in memory. */
  constructor(
    private readonly instance: Instance,
    private readonly manifest: Manifest,
    private readonly model: number,
    private readonly control?: Control,
  ) {
    this.program = Object.keys(manifest.programs).indexOf(PROGRAM);
    this.session = this.newSession();
    this.checkDescribed();
  }

  /** Runs `forward`; `keep` keeps every value for `peek`, until the next run. */
  run(inputs: readonly WireInput[], keep: boolean): WireOutput[] {
    this.kept.clear();
    return this.runSession(this.session, inputs, keep ? () => this.runKeeping() : undefined);
  }

  /** As `run`, node by node, each timed. */
  profile(inputs: readonly WireInput[]): { outputs: WireOutput[]; profile: Profile } {
    const operators = [...this.steps(inputs)];
    const milliseconds = operators.reduce((sum, operator) => sum + operator.milliseconds, 0);
    return { outputs: this.outputs(this.session), profile: { milliseconds, operators } };
  }

  /** Runs `forward` a node for each step that is taken. */
  *steps(inputs: readonly WireInput[]): Generator<OperatorTime> {
    this.begin(this.session, inputs);
    for (let node = 0; node < this.manifest.graph.nodes.length; node = this.next()) {
      this.obey();
      yield this.timed(node);
    }
  }

  /** Does a part of what the next run would have to; gives whether there is more. */
  prepare(): boolean {
    return this.spares.prepare();
  }

  reset(): void {
    this.instance.runtime.wtw_session_reset(this.session);
  }

  /** Decides the random numbers of the runs to come, where the program draws any. */
  seed(seed: bigint): void {
    const buffer = this.manifest.random?.buffer;
    if (buffer === undefined) return;
    this.check(this.instance.runtime.wtw_session_seed(this.session, buffer, seed));
  }

  memory(): MemoryInfo {
    const { runtime, memory } = this.instance;
    return {
      weights: this.manifest.weights.bytes,
      arena: Number(runtime.wtw_arena_bytes(this.session)),
      total: memory.buffer.byteLength,
    };
  }

  /** Whether runs change anything that later ones see. */
  hasState(): boolean {
    return this.instance.runtime.wtw_state_bytes(this.session) > 0n;
  }

  /** Gives the session's memory back; of no use from then on. */
  end(): void {
    this.instance.runtime.wtw_session_free(this.session);
  }

  /** Calls `work` with a run that has state and memory of its own. */
  withSession<T>(work: (run: (inputs: readonly WireInput[]) => WireOutput[]) => T): T {
    const session = this.newSession();
    try {
      return work((inputs) => this.runSession(session, inputs));
    } finally {
      this.instance.runtime.wtw_session_free(session);
    }
  }

  /** Output `output` of node `node` in the last run, which was told to keep it. */
  peek(program: string, node: number, output: number): WireTensor {
    const value = this.kept.get(keyOf(program, node, output));
    if (value === undefined) {
      throw wtwError('internal', { reason: `${keyOf(program, node, output)} was not kept` });
    }
    return { ...value, buffer: value.buffer.slice(0) };
  }

  private runSession(
    session: number,
    inputs: readonly WireInput[],
    runNodes = () => this.runAll(session),
  ): WireOutput[] {
    this.begin(session, inputs);
    runNodes();
    return this.outputs(session);
  }

  private begin(session: number, inputs: readonly WireInput[]): void {
    const { runtime } = this.instance;
    const io = runtime.wtw_io(session, this.program) >>> 0;
    inputs.forEach((input, i) => writeIo(this.ioAt(io, i), input));
    this.check(runtime.wtw_bind(session, this.program));
    inputs.forEach((input, i) => this.copyIn(this.ioAt(io, i), input));
  }

  private outputs(session: number): WireOutput[] {
    const { forward } = this.manifest.programs;
    const io = this.instance.runtime.wtw_io(session, this.program) >>> 0;
    const read = computedOutputs(forward).map((_, i) =>
      this.readIo(this.ioAt(io, forward.inputs.length + i)),
    );
    this.spares.ran();
    return read;
  }

  // In slices, between which it does what the calling thread wants by now.
  private runAll(session: number): void {
    if (this.control === undefined) return this.runNodes(session, 0, ALL);
    let node = 0;
    let count = 1;
    do {
      this.obey();
      const start = performance.now();
      this.runNodes(session, node, count);
      const short = performance.now() - start < SLICE_MS;
      count = short ? Math.min(2 * count, MOST) : Math.ceil(count / 2);
      node = this.next(session);
    } while (node < this.manifest.graph.nodes.length);
  }

  // Throws `aborted`.
  private obey(): void {
    if (this.control === undefined) return;
    if (this.control.stopped) throw aborted(undefined);
    const { threads } = this.control;
    if (threads !== this.threads) this.instance.runtime.wtw_set_threads(threads);
    this.threads = threads;
  }

  private runNodes(session: number, first: number, count: number): void {
    this.check(this.instance.runtime.wtw_run(session, this.program, first, count));
  }

  private timed(node: number): OperatorTime {
    const { op, module = '', source = '', outputs } = this.manifest.graph.nodes[node] as Node;
    const start = performance.now();
    this.runNodes(this.session, node, 1);
    const milliseconds = Math.max(performance.now() - start, 0); // clocks may be set back
    const shapes = outputs.map((_, output) => this.described(node, output).shape);
    return { node, operator: op, module, source, shapes, milliseconds };
  }

  // A node's outputs last until a later node uses their memory.
  private runKeeping(): void {
    const { nodes } = this.manifest.graph;
    for (let node = 0; node < nodes.length; node = this.next()) {
      this.obey();
      this.runNodes(this.session, node, 1);
      (nodes[node] as Node).outputs.forEach((_, output) =>
        this.kept.set(keyOf(PROGRAM, node, output), this.copyOut(node, output)),
      );
    }
  }

  // A loop goes back, a choice leaves nodes out.
  private next(session = this.session): number {
    return this.instance.runtime.wtw_next(session) >>> 0;
  }

  private copyOut(node: number, output: number): WireTensor {
    const { bytes } = this.described(node, output);
    const memory = this.instance.alloc(bytes);
    try {
      return this.peekInto(memory, bytes, node, output, (io) => this.tensorAt(io, memory));
    } finally {
      this.instance.runtime.wtw_free(memory);
    }
  }

  private described(node: number, output: number): { bytes: number; shape: number[] } {
    return this.peekInto(0, 0, node, output, (io) => ({
      bytes: Number(io.getBigUint64(IO.size, true)),
      shape: shapeOf(io),
    }));
  }

  // Copies a node's output where there is room for it; `read` gets its description.
  private peekInto<T>(
    memory: number,
    bytes: number,
    node: number,
    output: number,
    read: (io: DataView) => T,
  ): T {
    const { runtime } = this.instance;
    const io = this.instance.alloc(IO.bytes);
    try {
      this.check(runtime.wtw_peek(this.session, this.program, node, output, io, memory, bytes));
      return read(this.ioAt(io, 0));
    } finally {
      runtime.wtw_free(io);
    }
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
        return this.tensorAt(io, Number(io.getBigUint64(IO.data, true)), this.spares);
    }
  }

  private tensorAt(io: DataView, address: number, spares?: Spares): WireTensor {
    const shape = shapeOf(io);
    const elements = this.instance.bytes(address, Number(io.getBigUint64(IO.size, true)));
    const buffer = spares?.take(elements.length) ?? new ArrayBuffer(elements.length);
    new Uint8Array(buffer).set(elements);
    return { buffer, shape, dtype: dtypeOf(io.getUint32(IO.dtype, true)) };
  }

  // Whether the plan is what the manifest says: from here on both are relied on.
  private checkDescribed(): void {
    const words = descriptionOf(this.manifest);
    const address = this.instance.alloc(4 * words.length);
    const view = this.instance.view(address, 4 * words.length);
    words.forEach((word, i) => view.setUint32(4 * i, word, true));
    const { runtime } = this.instance;
    const code = runtime.wtw_described(this.session, this.program, address, words.length);
    runtime.wtw_free(address);
    this.check(code);
  }

  private newSession(): number {
    const session = this.instance.runtime.wtw_session_new(this.model) >>> 0;
    if (session === 0) throw lastFailure(this.instance, this.manifest);
    return session;
  }

  private check(code: number): void {
    if (code !== 0) throw lastFailure(this.instance, this.manifest);
  }
}

// See wtw_described in csrc/api.h.
function descriptionOf({ programs, graph, symbols }: Manifest): number[] {
  const { inputs, guards } = programs.forward;
  const computed = computedOutputs(programs.forward);
  const ports = [...inputs, ...computed].flatMap((port) => {
    const kind = KINDS.indexOf(port.kind);
    return 'shape' in port ? [kind, dtypeNumber(port.dtype), port.shape.length] : [kind, 0, 0];
  });
  const counts = [graph.nodes.length, symbols.length, guards.length];
  return [...counts, inputs.length, computed.length, ...ports];
}

/** What went wrong in the runtime's last call, as an error. */
export function lastFailure(instance: Instance, manifest: Manifest) {
  const address = instance.runtime.wtw_failure() >>> 0;
  return failureError(readFailure(instance.view(address, FAILURE_BYTES)), manifest, PROGRAM);
}

function shapeOf(io: DataView): number[] {
  const rank = io.getUint32(IO.rank, true);
  return Array.from({ length: rank }, (_, axis) =>
    Number(io.getBigInt64(IO.shape + 8 * axis, true)),
  );
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
