// The platform of a page or a worker in a browser.
import { physicalCores } from './cores.ts';
import { aborted, asWtwError, reasonOf, wtwError } from './errors.ts';
import {
  Interruption,
  type Opening,
  type Platform,
  type Port,
  type Source,
  type WorkerPlatform,
} from './platform.ts';
import { streamReading } from './streams.ts';

const ISOLATION =
  'the page is not cross-origin isolated (it needs the headers ' +
  'Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp)';
const NO_SHARING = 'this browser has no SharedArrayBuffer';

export const browser: Platform = {
  cores: () => physicalCores(navigator.hardwareConcurrency || 1),
  unshared: () => {
    // Deno shares memory and knows no such thing.
    if (self.crossOriginIsolated === false) return ISOLATION;
    // WebKitGTK has none on any page.
    return typeof SharedArrayBuffer === 'undefined' ? NO_SHARING : undefined;
  },
  open: openResponse,
  caches: () => globalThis.caches, // absent on pages that are not secure
  base,
  address: (place) => new URL(place, base()).href,
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

function base(): string {
  return typeof document === 'undefined' ? self.location.href : document.baseURI;
}

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

// What a server may say that is busy or has just been started.
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504]);

/** The answer as a file; also for addresses that Node fetches. */
export async function openResponse(url: URL, opening: Opening = {}): Promise<Source> {
  const { signal, from = 0 } = opening;
  const interrupted = (error: unknown) => {
    if (signal?.aborted) return aborted(signal);
    return new Interruption(reasonOf(error), { cause: error });
  };
  const response = await fetch(url, requestOf(opening)).catch((error: unknown) => {
    throw interrupted(error);
  });
  if (!response.ok) throw refusal(url, response.status, from);
  if (isPage(response)) throw wtwError('file-missing', { path: url.href });
  const extent = extentOf(response, from);
  if (extent.start > from) throw damaged(url, `byte ${from} was asked for, not ${extent.start}`);
  const [module, { body }] = compiling(response);
  const { read, cancel } = streamReading(body ?? new Blob().stream());
  return {
    ...extent,
    module,
    read: (bytes) =>
      read(bytes).catch((error: unknown) => {
        throw interrupted(error);
      }),
    cancel,
  };
}

function requestOf({ signal, from = 0, reload = false }: Opening): RequestInit {
  return {
    ...(signal ? { signal } : {}),
    ...(from > 0 ? { headers: { range: `bytes=${from}-` } } : {}),
    ...(reload ? { cache: 'reload' } : {}),
  };
}

function refusal(url: URL, status: number, from: number): Error {
  if (status === 404 || status === 410) return wtwError('file-missing', { path: url.href });
  if (status === 416) return damaged(url, `it ends before byte ${from}`);
  const reason = `HTTP status ${status}`;
  if (PASSING.has(status)) return new Interruption(reason);
  return wtwError('fetch-failed', { url: url.href, reason });
}

// What hosts of single-page apps send for every address that they do not know.
function isPage({ headers }: Response): boolean {
  return (headers.get('content-type') ?? '').startsWith('text/html');
}

function damaged(url: URL, reason: string): Error {
  return wtwError('file-corrupt', { path: url.href, reason });
}

// Servers may answer with the whole file, or hide the range from other origins: what they send is
// checked in any case. Encoded files have another length.
function extentOf({ status, headers }: Response, from: number) {
  if (status !== 206) {
    const length = headers.has('content-encoding') ? null : headers.get('content-length');
    return { start: 0, length: length === null ? undefined : Number(length) };
  }
  const [, first, size] = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get('content-range') ?? '') ?? [];
  return { start: Number(first ?? from), length: size === undefined ? undefined : Number(size) };
}

// Of wasm, what is compiled is the very answer: browsers keep the optimised code with it.
function compiling(response: Response): [Promise<WebAssembly.Module> | undefined, Response] {
  const type = response.headers.get('content-type') ?? '';
  if (!type.startsWith('application/wasm')) return [undefined, response];
  const copy = response.clone();
  const module = WebAssembly.compileStreaming(response);
  module.catch(() => {}); // awaited once the bytes are known to be good
  return [module, copy];
}

const POLICY = /content.security.policy|unsafe-eval|\bCSP\b/i;

export function compileError(path: string, error: unknown) {
  const reason = reasonOf(error);
  if (POLICY.test(reason)) return wtwError('csp-blocks-wasm', {}, { cause: error });
  if (!(error instanceof WebAssembly.CompileError)) return asWtwError(error);
  return wtwError('file-corrupt', { path, reason }, { cause: error });
}
