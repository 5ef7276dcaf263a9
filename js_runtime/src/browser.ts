// The platform of a page or a worker in a browser.
import { physicalCores } from './cores.ts';
import { reasonOf, wtwError } from './errors.ts';
import type { Platform, Port, Source, WorkerPlatform } from './platform.ts';

const ISOLATION =
  'the page is not cross-origin isolated (it needs the headers ' +
  'Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp)';
const NO_SHARING = 'this browser has no SharedArrayBuffer';

export const browser: Platform = {
  cores: () => physicalCores(navigator.hardwareConcurrency || 1),
  unshared: () => {
    if (!self.crossOriginIsolated) return ISOLATION;
    // WebKitGTK has none on any page.
    return typeof SharedArrayBuffer === 'undefined' ? NO_SHARING : undefined;
  },
  open: openResponse,
  compile: async (url, signal) => compileResponse(url, await request(url, signal)),
  base: () => (typeof document === 'undefined' ? self.location.href : document.baseURI),
  adopt: (worker) => webPort(worker as Worker),
  spawn: (url) => webPort(new Worker(url, { type: 'module' })),
};

export const browserWorker: WorkerPlatform = {
  ...browser,
  parent: () => ({
    post: (message, transfer = []) => self.postMessage(message, { transfer }),
    listen: (received) => {
      self.onmessage = ({ data }) => received(data);
    },
  }),
  holdLock,
  clone: () => webPort(new Worker(self.location.href, isClassic() ? {} : { type: 'module' })),
};

// Turbopack turns module workers into classic ones.
function isClassic(): boolean {
  try {
    (self as unknown as { importScripts(): void }).importScripts();
    return true;
  } catch {
    return false;
  }
}

// A browser tells no one that a worker was ended, but sets its locks free.
function holdLock(): Promise<string | undefined> {
  const { locks } = navigator; // absent on pages that are not secure
  if (locks === undefined) return Promise.resolve(undefined);
  const name = `wasm-torch-web ${crypto.randomUUID()}`;
  return new Promise((resolve) => {
    const hold = () => {
      resolve(name);
      return new Promise(() => {});
    };
    locks.request(name, hold).catch(() => resolve(undefined));
  });
}

function webPort(worker: Worker): Port {
  let ended = (_: string) => {};
  return {
    post: (message, transfer = []) => worker.postMessage(message, transfer),
    listen: (received, failed) => {
      ended = failed;
      worker.onmessage = ({ data }) => received(data);
      worker.onmessageerror = () => failed('a message could not be read');
      worker.onerror = (event) => {
        event.preventDefault();
        failed(event.message || 'the browser gives no reason');
      };
    },
    // Chromium's back/forward cache takes pages that wait for a lock, and their workers.
    watch: (lock) => void navigator.locks.request(lock, () => ended('the browser ended it')),
    terminate: async () => worker.terminate(),
    busy: () => {},
  };
}

/** A response with a body that can be used; also for addresses that Node fetches. */
export async function request(url: URL, signal?: AbortSignal): Promise<Response> {
  const response = await fetch(url, signal ? { signal } : {}).catch((error: unknown) => {
    throw networkError(url, error, signal);
  });
  if (response.ok) return response;
  if (response.status === 404 || response.status === 410) {
    throw wtwError('file-missing', { path: url.href });
  }
  throw wtwError('fetch-failed', { url: url.href, reason: `HTTP status ${response.status}` });
}

function networkError(url: URL, error: unknown, signal?: AbortSignal) {
  if (signal?.aborted) return wtwError('aborted', {}, { cause: signal.reason });
  return wtwError('fetch-failed', { url: url.href, reason: reasonOf(error) }, { cause: error });
}

export async function openResponse(url: URL, signal?: AbortSignal): Promise<Source> {
  const body = (await request(url, signal)).body ?? new Blob().stream();
  const source = byteSource(body);
  const read: Source['read'] = (bytes) =>
    source.read(bytes).catch((error: unknown) => {
      throw networkError(url, error, signal);
    });
  return { read, cancel: source.cancel };
}

// Straight into the caller's buffer where the stream can do that.
function byteSource(body: ReadableStream<Uint8Array<ArrayBuffer>>): Source {
  let reader: ReadableStreamBYOBReader;
  try {
    reader = body.getReader({ mode: 'byob' });
  } catch {
    return chunkSource(body.getReader());
  }
  return {
    read: async (bytes) => {
      const { done, value } = await reader.read(bytes);
      return done ? undefined : value;
    },
    cancel: () => reader.cancel(),
  };
}

function chunkSource(reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>): Source {
  let rest = new Uint8Array(0);
  return {
    read: async (bytes) => {
      while (rest.length === 0) {
        const { done, value } = await reader.read();
        if (done) return undefined;
        rest = value;
      }
      const part = rest.subarray(0, bytes.length);
      rest = rest.subarray(part.length);
      bytes.set(part);
      return bytes.subarray(0, part.length);
    },
    cancel: () => reader.cancel(),
  };
}

const POLICY = /content.security.policy|unsafe-eval|\bCSP\b/i;

async function compileResponse(url: URL, response: Response): Promise<WebAssembly.Module> {
  const type = response.headers.get('content-type') ?? '';
  try {
    return type.startsWith('application/wasm')
      ? await WebAssembly.compileStreaming(response)
      : await WebAssembly.compile(await response.arrayBuffer());
  } catch (error) {
    throw compileError(url, error);
  }
}

export function compileError(url: URL, error: unknown) {
  const reason = reasonOf(error);
  if (POLICY.test(reason)) return wtwError('csp-blocks-wasm', {}, { cause: error });
  if (!(error instanceof WebAssembly.CompileError)) return networkError(url, error);
  return wtwError('file-corrupt', { path: url.href, reason }, { cause: error });
}
