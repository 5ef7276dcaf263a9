// The types that users see: copied into every package as runtime.d.ts.
import type { Variant } from '../../build/generated/variants.ts';

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

/** A tensor of the caller's own: a fresh copy, never shared memory. */
export interface TensorOutput<D extends DType = DType> {
  readonly data: DataOf[D];
  readonly shape: number[];
  readonly dtype: D;
}

/** A bare array will do where the shape has no dynamic size. */
export type InputValue = TensorInput | InputData | number | bigint | boolean;
export type OutputValue = TensorOutput | number | boolean;

export type { Variant };

/** Bytes of the model, over all its files. */
export interface Progress {
  readonly loaded: number;
  readonly total: number;
}

export interface LoadOptions {
  /**
   * Threads that work on a run, 1 to 32; by default one for each physical core, at most 8. Where
   * there can be none, as on a page that is not cross-origin isolated, there is one: see `why`.
   */
  readonly threads?: number;
  /** Exactly this build of the runtime, or an error; by default the best that works here. */
  readonly variant?: Variant;
  /** false: run on the calling thread; else in a worker, wherever one can start. */
  readonly worker?: boolean;
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
  /** Where the package's files are served, instead of beside the package's own module. */
  readonly baseUrl?: string | URL;
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
  /** Runs are worked off in the order of the calls; inputs are copied before this returns. */
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
  /** Ends the worker and returns the memory; calls under way are rejected. */
  dispose(): Promise<void>;
  readonly debug?: ModelDebug<I, O>;
}

/** The files of a package and their addresses, as its index.js lists them. */
export type Assets = Readonly<Record<string, URL | string>>;

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
