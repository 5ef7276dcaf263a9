// What crosses the border between the caller's thread and the worker, and what the engine answers.
import type { Content } from './contents.ts';
import type { WtwErrorParts } from './wtw_error.ts';
import type { Manifest } from './manifest.ts';
import type { DType, MemoryInfo, Profile, Progress, SelfTestResult, Variant } from './types.ts';

/** A tensor's dense bytes, or a number as the plan's io records have it. */
export type WireInput =
  | { readonly bytes: Uint8Array; readonly shape: readonly number[] }
  | { readonly integer: bigint }
  | { readonly real: number };

export interface WireTensor {
  readonly buffer: ArrayBuffer;
  readonly shape: number[];
  readonly dtype: DType;
}
export type WireOutput = WireTensor | number | boolean;

/** What the engine can be asked for, and what it answers. */
export interface Calls {
  /** Inputs and outputs in the order of the plan. */
  run: {
    request: { inputs: readonly WireInput[]; keep: boolean };
    reply: WireOutput[];
  };
  /** As `run`, one operator at a time. */
  profile: {
    request: { inputs: readonly WireInput[] };
    reply: { readonly outputs: WireOutput[]; readonly profile: Profile };
  };
  reset: { request: Record<never, never>; reply: null };
  seed: { request: { seed: bigint }; reply: null };
  selfTest: { request: Record<never, never>; reply: SelfTestResult };
  peek: { request: { program: string; node: number; output: number }; reply: WireTensor };
}
export type CallName = keyof Calls;
export type Request = { [N in CallName]: { readonly call: N } & Calls[N]['request'] }[CallName];
export type Reply = Calls[CallName]['reply'];
/** A reply, and the memory after it. */
export interface Answered {
  readonly reply: Reply;
  readonly memory: MemoryInfo;
}

/** What the caller's side needs to know of a loaded model. */
export interface Summary {
  readonly manifest: Pick<Manifest, 'name' | 'version' | 'parameters' | 'programs'>;
  readonly memory: MemoryInfo;
  /** Whether a run changes what later ones see. */
  readonly hasState: boolean;
  readonly variant: Variant;
  readonly threads: number;
  readonly why: readonly string[];
}

/** Where a file is, or what it holds. */
export interface Place {
  readonly at: string | Content;
  /** Of what the file should be, where model.json does not say that. */
  readonly sha256?: string | undefined;
}
/** Asset names and their places. */
export type Addresses = Record<string, Place>;

export interface ModelStart {
  readonly kind: 'model';
  readonly addresses: Addresses;
  readonly cache: boolean;
  readonly variant: Variant | undefined;
  readonly threads: number | undefined;
  /** Of a Control, where memory can be shared. */
  readonly control: Int32Array<SharedArrayBuffer> | undefined;
}

export interface HelperStart {
  readonly kind: 'helper';
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly handle: number;
}

/** The buffer that a request's inputs lie in: it moves with the call, and back with the answer. */
export type Staged = ArrayBuffer | undefined;

export interface CallMessage {
  readonly kind: 'call';
  readonly id: number;
  readonly request: Request;
  readonly staged: Staged;
}
export type ToWorker = ModelStart | HelperStart | CallMessage;

export type FromWorker =
  /** With its version, and the name of the lock that tells of its end, where there is one. */
  | { readonly kind: 'alive'; readonly build: string; readonly lock: string | undefined }
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'loaded'; readonly summary: Summary }
  | { readonly kind: 'failed'; readonly error: WtwErrorParts }
  | ({ readonly kind: 'reply'; readonly id: number; readonly staged: Staged } & Answered)
  | {
      readonly kind: 'refused';
      readonly id: number;
      readonly staged: Staged;
      readonly error: WtwErrorParts;
    };

/** The buffers of a reply, which move instead of being copied. */
export function buffersOf(reply: Reply): ArrayBuffer[] {
  const outputs = reply !== null && 'profile' in reply ? reply.outputs : reply;
  const parts = Array.isArray(outputs) ? outputs : [outputs];
  return parts.flatMap((part) =>
    typeof part === 'object' && part !== null && 'buffer' in part ? [part.buffer] : [],
  );
}
