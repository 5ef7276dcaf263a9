// The platform of Node: files of the disk, worker_threads; other addresses are fetched.
import type { Worker as NodeWorker } from 'node:worker_threads';
import { browser, compileError } from './browser.ts';
import { physicalCores } from './cores.ts';
import { reasonOf, wtwError } from './errors.ts';
import type { Platform, Port, Source, WorkerPlatform } from './platform.ts';

// worker.js is one file for browsers and Node: it cannot import Node's modules.
const fs = () => process.getBuiltinModule('node:fs/promises');
const threads = () => process.getBuiltinModule('node:worker_threads');

// Electron and Deno have both: there, the browser's side is the right one.
export const isNode =
  typeof process !== 'undefined' &&
  process.versions?.node !== undefined &&
  !('WorkerGlobalScope' in globalThis);

export const node: Platform = {
  cores: () => physicalCores(process.getBuiltinModule('node:os').availableParallelism()),
  unshared: () => undefined,
  open: (url, signal) =>
    url.protocol === 'file:' ? openFile(url, signal) : browser.open(url, signal),
  compile: (url, signal) =>
    url.protocol === 'file:' ? compileFile(url) : browser.compile(url, signal),
  base: () => process.getBuiltinModule('node:url').pathToFileURL(`${process.cwd()}/`).href,
  adopt: (worker) => nodePort(worker as NodeWorker),
  spawn: (url) => nodePort(new (threads().Worker)(url)),
};

export const nodeWorker: WorkerPlatform = {
  ...node,
  parent: () => {
    const port = threads().parentPort;
    if (port === null) throw wtwError('internal', { reason: 'worker.js is not run as a worker' });
    return {
      post: (message, transfer = []) => port.postMessage(message, transfer),
      listen: (received) => void port.on('message', received),
    };
  },
  holdLock: async () => undefined, // `exit` tells
  // In a worker, argv[1] is its own file.
  clone: () => nodePort(new (threads().Worker)(process.argv[1] as string)),
};

function nodePort(worker: NodeWorker): Port {
  return {
    post: (message, transfer = []) => worker.postMessage(message, transfer),
    listen: (received, failed) => {
      worker.on('message', received);
      worker.on('messageerror', (error) => failed(reasonOf(error)));
      worker.on('error', (error) => failed(reasonOf(error)));
      worker.on('exit', (code) => failed(`it ended with code ${code}`));
    },
    watch: () => {},
    terminate: async () => void (await worker.terminate()),
    busy: (busy) => (busy ? worker.ref() : worker.unref()),
  };
}

async function openFile(url: URL, signal?: AbortSignal): Promise<Source> {
  const file = await fs()
    .open(url)
    .catch((error: unknown) => {
      throw fileError(url, error);
    });
  return {
    read: async (bytes) => {
      if (signal?.aborted) throw wtwError('aborted', {}, { cause: signal.reason });
      const { bytesRead } = await file.read(bytes, 0, bytes.length);
      return bytesRead === 0 ? undefined : bytes.subarray(0, bytesRead);
    },
    cancel: () => file.close(),
  };
}

async function compileFile(url: URL): Promise<WebAssembly.Module> {
  const bytes = await fs()
    .readFile(url)
    .catch((error: unknown) => {
      throw fileError(url, error);
    });
  return WebAssembly.compile(bytes).catch((error: unknown) => {
    throw compileError(url, error);
  });
}

function fileError(url: URL, error: unknown) {
  const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
  return missing
    ? wtwError('file-missing', { path: url.href }, { cause: error })
    : wtwError('fetch-failed', { url: url.href, reason: reasonOf(error) }, { cause: error });
}
