// What the runtime asks of the place it runs in: a browser or Node.

/** A file that is being read, from its byte `start` on. */
export interface Source {
  readonly start: number;
  /** Of the whole file, where the place tells. */
  readonly length: number | undefined;
  /** Where the place compiles wasm while it arrives. */
  readonly module?: Promise<WebAssembly.Module> | undefined;
  /** Reads up to `bytes.length` bytes into this view's buffer, which the call takes over: what
   * was read and the buffer come back. `undefined` at the end. */
  read(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer> | undefined>;
  cancel(): Promise<void>;
}

export interface Opening {
  readonly signal?: AbortSignal;
  /** The first byte that is wanted; the source may begin earlier. */
  readonly from?: number;
  /** Past what caches on the way hold. */
  readonly reload?: boolean;
}

/** What may pass by itself: a connection that broke, a server that is busy. */
export class Interruption extends Error {}

/** The other side of a worker. */
export interface Port {
  post(message: unknown, transfer?: (ArrayBuffer | MessagePort)[]): void;
  /** `failed` is told why the worker died or could not start. */
  listen(received: (message: unknown) => void, failed: (reason: string) => void): void;
  /** Tells `failed` when this lock is free: the worker, which held it, has ended. */
  watch(lock: string): void;
  terminate(): Promise<void>;
  /** Whether work is under way: in Node an idle worker does not keep the process alive. */
  busy(busy: boolean): void;
}

export interface Platform {
  /** Physical ones, as far as that can be told. */
  cores(): number;
  /** Why memory cannot be shared with other threads; undefined if it can. */
  unshared(): string | undefined;
  /** Throws file-missing, file-corrupt, fetch-failed, aborted or an Interruption. */
  open(url: URL, opening?: Opening): Promise<Source>;
  /** Throws what it likes where there is no cache. */
  caches(): CacheStorage | undefined;
  /** Base for a relative `baseUrl`. */
  base(): string;
  /** What a user calls an address, in full; throws a TypeError for what is none. */
  address(place: string | URL): string;
  /** What `startWorker` of a package returned, as a port. */
  adopt(worker: unknown): Port;
  /** Starts a worker from this file; throws if the platform refuses at once. */
  spawn(url: URL): Port;
}

/** Inside a worker. */
export interface WorkerPlatform extends Platform {
  /** The side of the thread that started this worker. */
  parent(): Pick<Port, 'post' | 'listen'>;
  /** The name of a lock that this worker holds from now on, where the platform tells its parent
   * of its end in no other way. */
  holdLock(): Promise<string | undefined>;
  /** Another worker of the same file. */
  clone(): Port;
}
