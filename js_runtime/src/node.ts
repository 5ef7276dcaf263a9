// The platform of Node: files of the disk, worker_threads; other addresses are fetched.
import type { Transferable as Moving, Worker as NodeWorker } from 'node:worker_threads';
import { openResponse } from './browser.ts';
import { physicalCores } from './cores.ts';
import { aborted, reasonOf, wtwError } from './errors.ts';
import type { Opening, Platform, Port, Source, WorkerPlatform } from './platform.ts';

// worker.js is one file for browsers and Node: it cannot import Node's modules.
// No FileHandle of fs/promises: Node 20 aborts where a worker ends while it closes one.
const fs = () => process.getBuiltinModule('node:fs');
const util = () => process.getBuiltinModule('node:util');
const threads = () => process.getBuiltinModule('node:worker_threads');

// Electron and Deno have both: there, the browser's side is the right one.
export const isNode =
  typeof process !== 'undefined' &&
  process.versions?.node !== undefined &&
  !('WorkerGlobalScope' in globalThis);

export const node: Platform = {
  cores: () => physicalCores(process.getBuiltinModule('node:os').availableParallelism()),
  unshared: () => undefined,
  open: (url, opening) =>
    url.protocol === 'file:' ? openFile(url, opening) : openResponse(url, opening),
  caches: () => undefined, // files of the disk need none
  base: () => fileAddress(`${process.cwd()}/`),
  address: addressOf,
  adopt: (worker) => nodePort(worker as NodeWorker),
  spawn: (url) => nodePort(new (threads().Worker)(url)),
};

export const nodeWorker: WorkerPlatform = {
  ...node,
  parent: () => {
    const port = threads().parentPort;
    if (port === null) throw wtwError('internal', { reason: 'worker.js is not run as a worker' });
    return {
      post: (message, transfer = []) => port.postMessage(message, transfer as Moving[]),
      listen: (received) => void port.on('message', received),
    };
  },
  holdLock: async () => undefined, // `exit` tells
  // In a worker, argv[1] is its own file.
  clone: () => nodePort(new (threads().Worker)(process.argv[1] as string)),
};

function nodePort(worker: NodeWorker): Port {
  return {
    post: (message, transfer = []) => worker.postMessage(message, transfer as Moving[]),
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

// One letter is a drive of Windows.
const SCHEME = /^[a-z][a-z\d+.-]+:/i;

function addressOf(place: string | URL): string {
  const isPath = typeof place === 'string' && !SCHEME.test(place);
  return isPath ? fileAddress(place) : new URL(place).href;
}

function fileAddress(path: string): string {
  return process.getBuiltinModule('node:url').pathToFileURL(path).href;
}

async function openFile(url: URL, { signal, from = 0 }: Opening = {}): Promise<Source> {
  const { open, fstat, read, close } = fs();
  const { promisify } = util();
  const refused = (error: unknown) => {
    throw fileError(url, error);
  };
  const file = await promisify(open)(url, 'r').catch(refused);
  const { size } = await promisify(fstat)(file).catch(refused);
  let position = from;
  return {
    start: from,
    length: size,
    read: async (bytes) => {
      if (signal?.aborted) throw aborted(signal);
      const reading = promisify(read)(file, bytes, 0, bytes.length, position);
      const { bytesRead } = await reading.catch(refused);
      position += bytesRead;
      return bytesRead === 0 ? undefined : bytes.subarray(0, bytesRead);
    },
    cancel: () => promisify(close)(file),
  };
}

function fileError(url: URL, error: unknown) {
  const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
  return missing
    ? wtwError('file-missing', { path: url.href }, { cause: error })
    : wtwError('fetch-failed', { url: url.href, reason: reasonOf(error) }, { cause: error });
}
