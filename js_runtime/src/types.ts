// The types that users see: copied into every package as runtime.d.ts.
import type { Variant } from '../../build/generated/variants.ts';

// Programs without the library `DOM` may not know these; elsewhere they add nothing.
declare global {
  interface AbortSignal {
    readonly aborted: boolean;
  }
  interface Blob {
    readonly size: number;
  }
  interface URL {
    href: string;
  }
}

/** PyTorch's names. */
export type DType = keyof DataOf;

/** What the elements of an output arrive in. */
export interface DataOf {
  float32: Float32Array;
  float64: Float64Array;
  /** IEEE half-precision bits. */
  float16: Uint16Array;
  /** The upper halves of float32 numbers. */
  bfloat16: Uint16Array;
  int64: BigInt64Array;
  int32: Int32Array;
  int16: Int16Array;
  int8: Int8Array;
  uint8: Uint8Array;
  /** 0 or 1. */
  bool: Uint8Array;
  /** Real and imaginary parts in turn: twice as many elements as the shape says. */
  complex64: Float32Array;
  complex128: Float64Array;
  complex32: Uint16Array;
}

/** A `Float16Array`, also where the compiler's library does not know it yet. */
export interface Float16ArrayLike {
  readonly [Symbol.toStringTag]: 'Float16Array';
  readonly buffer: ArrayBufferLike;
  readonly byteOffset: number;
  readonly byteLength: number;
  readonly length: number;
}

/** What an input takes besides the very type of `DataOf`; plain numbers are converted. */
interface AlsoTaken {
  float32: readonly number[];
  float64: readonly number[];
  float16: Float16ArrayLike;
  bfloat16: never;
  int64: Int32Array | readonly number[] | readonly bigint[];
  int32: readonly number[];
  int16: readonly number[];
  int8: readonly number[];
  uint8: Uint8ClampedArray | readonly number[];
  bool: readonly boolean[] | readonly number[];
  complex64: readonly number[];
  complex128: readonly number[];
  complex32: Float16ArrayLike;
}

/** The elements of an input, in the order of the shape (the last axis varies fastest). */
export type InputData<D extends DType = DType> = DataOf[D] | AlsoTaken[D];

export interface TensorInput<D extends DType = DType> {
  readonly data: InputData<D>;
  readonly shape: readonly number[];
  /** Only checked: the model knows the dtype. */
  readonly dtype?: D;
}

/** The array type whose memory is not shared, which `slice` gives: TypeScript tells since 5.7. */
export type Unshared<A extends { slice(): unknown }> = ReturnType<A['slice']>;

/** A tensor of the caller's own: a fresh copy, never shared memory. */
export interface TensorOutput<D extends DType = DType> {
  readonly data: Unshared<DataOf[D]>;
  readonly shape: number[];
  readonly dtype: D;
}

/** A bare array will do where the shape has no dynamic size. */
export type InputValue = TensorInput | InputData | number | bigint | boolean;
export type OutputValue = TensorOutput | number | boolean;

export type { Variant };

// Compilers' libraries older than ESNext do not know these.
declare global {
  interface SymbolConstructor {
    readonly asyncDispose: unique symbol;
    readonly dispose: unique symbol;
  }
}

/** Bytes of the model, over all its files; no number ever gets smaller. */
export interface Progress {
  /** First all bytes arrive, then the runtime makes the model of them. */
  readonly phase: 'download' | 'prepare';
  readonly loaded: number;
  readonly total: number;
  /** Those of `loaded` that an earlier visit had left in the browser. */
  readonly cached: number;
}

/** What a file of the package holds, or where it is: an address, in Node also a path. */
export type FileSource = Blob | ArrayBuffer | Uint8Array | string | URL;

/** What is done with inputs that have NaN or infinities. */
export type OnInvalid = 'allow' | 'error';

export interface LoadOptions {
  /**
   * Threads that work on a run, 1 to 32; by default one for each physical core, at most 8, which
   * models that run at the same moment share; a number given here is not shared. Where there can be
   * none, as on a page that is not cross-origin isolated, there is one: see `why`.
   */
  readonly threads?: number;
  /** Exactly this build of the runtime, or an error; by default the best that works here. */
  readonly variant?: Variant;
  /** false: run on the calling thread; else in a worker, wherever one can start. */
  readonly worker?: boolean;
  readonly onProgress?: (progress: Progress) => void;
  /** Ends the loading, whatever it is at, with the error `aborted`. */
  readonly signal?: AbortSignal;
  /** Where the package's files are served, instead of beside the package's own module; in Node also
   * the path of their folder. */
  readonly baseUrl?: string | URL;
  /** Files that are not where the others are, by name: `{ 'weights-00.bin': blob }`. Names that the
   * package does not have are passed over. Large buffers are read in parts, not copied. */
  readonly files?: Readonly<Record<string, FileSource>>;
  /** false: keep nothing in the browser for the next visit, and use nothing that is kept. By default
   * secure pages keep weights by their SHA-256; older versions of the package make room. */
  readonly cache?: boolean;
  /**
   * 'error': a run whose inputs have NaN or an infinity is refused with `input-not-finite`, which
   * names the input and the first such element. 'allow', the default: it gives what PyTorch gives.
   */
  readonly onInvalid?: OnInvalid;
  /** Adds `model.debug`, which keeps every value of a run. */
  readonly debug?: boolean;
}

export interface PortInfo {
  readonly name: string;
  readonly kind: 'tensor' | 'int' | 'float' | 'bool';
  /** Numbers are int64, float64 and bool. */
  readonly dtype: DType;
  /** A dynamic size is its symbol or an expression of symbols. */
  readonly shape: readonly (number | string)[];
  /** Where the package was built with `--preprocess` for this input: it takes pictures or sounds. */
  readonly preprocess?: { readonly kind: 'image' | 'audio' };
  /** Where it was built with `--labels`: what the scores of this output are of. */
  readonly classes?: { readonly labels: readonly string[] };
}

/** Bytes of the model's own memory, a WebAssembly heap that never shrinks. */
export interface MemoryInfo {
  readonly weights: number;
  /** Working memory that was needed for the sizes of the runs so far. */
  readonly arena: number;
  /** The whole heap: also the state, the plan, stacks, and what is free. */
  readonly total: number;
}

export interface ModelInfo {
  readonly name: string;
  readonly version: string;
  readonly variant: Variant;
  readonly simd: 'relaxed' | 'simd128';
  readonly threads: number;
  /** Why it is this variant, where a better one exists. */
  readonly why: string;
  readonly inputs: readonly PortInfo[];
  readonly outputs: readonly PortInfo[];
  readonly parameters: number;
  readonly weightBytes: number;
  /** As of the last answered call. */
  readonly memory: MemoryInfo;
}

export interface SelfTestResult {
  readonly passed: boolean;
  readonly outputs: readonly {
    readonly name: string;
    readonly maxAbsError: number;
    /** Relative to the largest magnitude of the expected output, at least 1. */
    readonly maxRelError: number;
  }[];
}

/** How long one operator took in a run; the place in the user's model where it is known. */
export interface OperatorTime {
  /** Its index in the list of operators in model.json. */
  readonly node: number;
  readonly operator: string;
  /** Module path, such as `encoder.layers.0`, or ''. */
  readonly module: string;
  /** Source line, such as `model.py:42`, or ''. */
  readonly source: string;
  /** Of the outputs, at the sizes of this run. */
  readonly shapes: readonly (readonly number[])[];
  readonly milliseconds: number;
}

/** A run, operator by operator in the order of execution. Clocks of pages that are not cross-origin
 * isolated are coarse: 0.1 ms. */
export interface Profile {
  /** All operators together. */
  readonly milliseconds: number;
  readonly operators: readonly OperatorTime[];
}

export interface RunOptions {
  /** Times every operator; the result is then `{ outputs, profile }`. */
  readonly profile?: boolean;
  /**
   * Ends this run: it rejects with `aborted` at once. One that waits for its turn is taken from the
   * queue and changes nothing. One that has begun stops between two operators where the worker can
   * be told (in Node, and on cross-origin isolated pages); elsewhere, or on an operator that takes
   * long, the worker goes on with it and the next call waits, but nobody gets its outputs. A model
   * with state (random numbers are one) refuses further runs with `state-dirty` until `reset()`:
   * nobody knows how far the aborted one came. With `worker: false` only a signal that is aborted
   * before the call has an effect.
   */
  readonly signal?: AbortSignal;
  /**
   * Moves the inputs to the worker instead of copying them: arrays that are the whole of their
   * `ArrayBuffer` are detached (empty) as soon as `run` has returned, whatever becomes of the run;
   * so are other arrays on the same buffer. Parts of larger buffers and shared memory are copied as
   * always, plain arrays of numbers converted. With `worker: false` nothing moves and nothing is
   * detached: it is read in place. Inputs that are refused stay as they were.
   */
  readonly transfer?: boolean;
}

export interface Profiled<O = Record<string, OutputValue>> {
  readonly outputs: O;
  readonly profile: Profile;
}

/** For finding the first operator that differs from PyTorch. */
export interface ModelDebug<I = Record<string, InputValue>, O = Record<string, OutputValue>> {
  /** Like `model.run`, and keeps every value for `peek`. */
  run(inputs: I): Promise<O>;
  /** Output `output` of node `node` of the program, after `run`. */
  peek(program: string, node: number, output: number): Promise<TensorOutput>;
}

export interface Model<I = Record<string, InputValue>, O = Record<string, OutputValue>> {
  readonly info: ModelInfo;
  /**
   * Runs are worked off one at a time in the order of the calls, with `reset` and `seed` in between
   * where they were called: any number may be under way. Inputs, in shared memory too, are copied
   * before this returns: the arrays stay the caller's, unless `transfer` gives them away.
   */
  run(inputs: I, options?: RunOptions & { readonly profile?: false }): Promise<O>;
  run(inputs: I, options: RunOptions & { readonly profile: true }): Promise<Profiled<O>>;
  /** Compares with PyTorch's outputs, which the package carries; leaves the state alone. */
  selfTest(): Promise<SelfTestResult>;
  /** Restores the state (buffers that the model changes, the seed) to what it was after loading. */
  reset(): Promise<void>;
  /**
   * Decides the random numbers of the runs to come, of a model that draws any: the same seed gives
   * the same ones, with any number of threads. They are not those of PyTorch's generators. A model
   * that was loaded or reset has seed 0; each run goes on where the one before it ended.
   */
  seed(seed: number | bigint): Promise<void>;
  /**
   * Ends the worker and returns the memory (with `worker: false`, when the browser next collects
   * garbage). Calls under way or waiting, and later ones, are rejected with `disposed`; further
   * calls of `dispose` do nothing.
   */
  dispose(): Promise<void>;
  /** `dispose`, for `await using model = await load()`. */
  [Symbol.asyncDispose](): Promise<void>;
  /** `dispose` without waiting for its end, for `using`. */
  [Symbol.dispose](): void;
  readonly debug?: ModelDebug<I, O>;
}

/** What this browser, or Node, has for a package, without any of its files. */
export interface Diagnosis {
  /** What `load()` would take; undefined where it would fail: `why` says so. */
  readonly variant: Variant | undefined;
  readonly threads: number;
  /** Why it is this variant, where a better one exists. */
  readonly why: string;
  /** What to change for a better one: whole sentences, and header lines as they are to be sent. */
  readonly advice: readonly string[];
  readonly facts: {
    /** The browser's user agent, or the version of Node, Deno or Bun. */
    readonly platform: string;
    /** Whether the page is cross-origin isolated, else what is missing for that. */
    readonly isolated: string;
    readonly simd: string;
    readonly cores: string;
    readonly memory: string;
    /** What the page may store, and does. */
    readonly storage: string;
    /** The runtime does not use it. */
    readonly gpu: string;
  };
  /** All of it, a line each: to be pasted into an issue. */
  readonly text: string;
}

/** The files of a package and their addresses, as its index.js lists them; with their SHA-256
 * where model.json says nothing of them. */
export type Assets = Readonly<Record<string, URL | string | readonly [URL | string, string]>>;

/** Makes a coded error, of a slug and the fields of its message. */
export type Fail = (
  slug: 'input-unreadable' | 'input-scalar',
  fields: Record<string, string>,
) => Error;

/** What some packages add to their model: files of their own that index.js imports. */
export type Extension = (model: Model, fail: Fail) => Model;

/** What index.js calls; `startWorker` is its own, so that bundlers see the worker's address. */
export type LoadModel = (
  assets: Assets,
  startWorker: (() => unknown) | null,
  options?: LoadOptions,
  extensions?: readonly Extension[],
) => Promise<Model>;
