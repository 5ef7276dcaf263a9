// A compiled variant in; the one instance that loads and runs a model, and its memory, out.
import { reasonOf, wtwError } from './errors.ts';

/** What csrc/api.h exports; addresses and handles are unsigned 32-bit numbers. */
export interface Runtime {
  _initialize(): void;
  wtw_abi(): number;
  wtw_alloc(bytes: number): number;
  wtw_free(address: number): void;
  wtw_model_new(plan: number, planBytes: number, weights: number, weightBytes: number): number;
  wtw_model_free(model: number): void;
  wtw_session_new(model: number): number;
  wtw_session_free(session: number): void;
  wtw_session_reset(session: number): void;
  wtw_session_seed(session: number, buffer: number, seed: bigint): number;
  wtw_described(session: number, program: number, words: number, count: number): number;
  wtw_io(session: number, program: number): number;
  wtw_bind(session: number, program: number): number;
  wtw_run(session: number, program: number, first: number, count: number): number;
  wtw_next(session: number): number;
  wtw_peek(
    session: number,
    program: number,
    node: number,
    output: number,
    result: number,
    memory: number,
    bytes: number,
  ): number;
  wtw_arena_bytes(session: number): bigint;
  wtw_state_bytes(session: number): bigint;
  wtw_failure(): number;
  wtw_set_threads(threads: number): void;
  wtw_sha256(data: number, bytes: number, out: number): void;
  wtw_widen(floats: number, halves: number, count: number): void;
  wtw_narrow(halves: number, floats: number, count: number): void;
  /** Only where memory is shared. */
  wtw_helper_new(): number;
  wtw_helper_run(helper: number): void;
  wtw_helper_lost(): void;
  wtw_helpers(): number;
}

const INITIAL_PAGES = 64; // what the variants are linked with (scripts/build_runtime.py)
const MAX_PAGES = 65536; // of 64 KiB: all that 32-bit addresses reach

const MOST_BYTES = MAX_PAGES * 65536;

export class Instance {
  readonly runtime: Runtime;

  constructor(
    readonly module: WebAssembly.Module,
    readonly memory: WebAssembly.Memory,
  ) {
    this.runtime = trapping(instantiate(module, memory));
    this.runtime._initialize();
  }

  /** A view that lasts until memory may have grown: made anew after every call that allocates. */
  bytes(address: number, length: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, address, length);
  }

  view(address: number, length: number): DataView {
    return new DataView(this.memory.buffer, address, length);
  }

  /** 64-byte aligned. Throws out-of-memory. */
  alloc(bytes: number): number {
    // A larger number would lose what is above 32 bits on its way.
    const address = bytes < MOST_BYTES ? this.runtime.wtw_alloc(bytes) >>> 0 : 0;
    if (address === 0) throw wtwError('out-of-memory', { bytes });
    return address;
  }

  /** Puts float16 elements to an address, as float32. */
  widen(address: number, halves: Uint8Array): void {
    const copy = this.alloc(halves.length);
    this.bytes(copy, halves.length).set(halves);
    this.runtime.wtw_widen(address, copy, halves.length / 2);
    this.runtime.wtw_free(copy);
  }

  /** Fills `halves` with the float32 elements at an address, as float16. */
  narrow(address: number, halves: Uint8Array): void {
    const copy = this.alloc(halves.length);
    this.runtime.wtw_narrow(copy, address, halves.length / 2);
    halves.set(this.bytes(copy, halves.length));
    this.runtime.wtw_free(copy);
  }

  /** In hexadecimal; where the platform's own SHA-256 is absent. */
  sha256(data: Uint8Array): string {
    const address = this.alloc(data.length + 32);
    const result = address + data.length;
    this.bytes(address, data.length).set(data);
    this.runtime.wtw_sha256(address, data.length, result);
    const hash = hexadecimal(this.bytes(result, 32));
    this.runtime.wtw_free(address);
    return hash;
  }
}

export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): Runtime {
  return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Runtime;
}

/** The runtime stopped in the middle of something: nothing of the instance can be used again. */
export class Trap extends Error {
  override readonly name: string = 'Trap';

  constructor(cause: unknown) {
    super(reasonOf(cause), { cause });
  }
}

// The runtime itself throws nothing. What does come is a WebAssembly.RuntimeError, or what the
// engine throws when the stack is full (a RangeError in V8, an InternalError in Firefox).
function trapping(runtime: Runtime): Runtime {
  type Call = (...given: unknown[]) => unknown;
  const guarded =
    (call: Call) =>
    (...given: unknown[]) => {
      try {
        return call(...given);
      } catch (error) {
        throw new Trap(error);
      }
    };
  const calls = Object.entries(runtime)
    .filter(([, item]) => typeof item === 'function')
    .map(([name, call]) => [name, guarded(call as Call)]);
  return Object.fromEntries(calls) as Runtime;
}

export function hexadecimal(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** As much address space as the browser grants; throws out-of-memory. */
export function createMemory(shared: boolean): WebAssembly.Memory {
  for (let maximum = MAX_PAGES; maximum >= INITIAL_PAGES; maximum /= 2) {
    try {
      return new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum, shared });
    } catch (error) {
      // Phones and 32-bit browsers grant less address space than desktops. Firefox throws a text.
      if (!(error instanceof RangeError) && error !== 'out of memory') throw error;
    }
  }
  throw wtwError('out-of-memory', { bytes: INITIAL_PAGES * 65536 });
}
