// A package's assets and the user's options in, a model out.
import { VARIANTS } from '../../build/generated/variants.ts';
import { type Backend, localBackend, NoWorker, workerBackend } from './backend.ts';
import { Budget } from './budget.ts';
import { reasonOf, wtwError } from './errors.ts';
import { createModel } from './model.ts';
import type { OpenOptions } from './open.ts';
import type { Platform, Port } from './platform.ts';
import type { Addresses } from './protocol.ts';
import type { Assets, LoadModel, LoadOptions } from './types.ts';
import { MAX_THREADS } from './variants.ts';

const WORKER = 'worker.js';

export const loaderFor =
  (platform: Platform): LoadModel =>
  async (assets, startWorker, options = {}, extensions = []) => {
    checkOptions(options);
    if (options.signal?.aborted) throw wtwError('aborted', {}, { cause: options.signal.reason });
    const addresses = addressesOf(assets, options.baseUrl, platform.base());
    const { variant, threads, signal, onProgress = () => {} } = options;
    const opening = { addresses, variant, threads, signal, onProgress };
    const start = () => startPort(platform, addresses, startWorker, options.baseUrl);
    const backend = await openBackend(platform, start, opening, options.worker);
    const budget = new Budget(threads === undefined ? platform.cores() : undefined);
    const model = createModel(backend, budget, options.debug ?? false);
    return extensions.reduce((extended, extend) => extend(extended, wtwError), model);
  };

async function openBackend(
  platform: Platform,
  start: () => Port,
  options: OpenOptions,
  worker: boolean | undefined,
): Promise<Backend> {
  if (worker === false) return localBackend(platform, options);
  try {
    return await inWorker(start, options);
  } catch (error) {
    if (!(error instanceof NoWorker)) throw error;
    const file = options.addresses[WORKER] ?? WORKER;
    const failure = wtwError('worker-failed', { reason: error.message, file });
    return localBackend(platform, options, [failure.message]);
  }
}

async function inWorker(start: () => Port, options: OpenOptions): Promise<Backend> {
  let port: Port;
  try {
    port = start();
  } catch (error) {
    throw new NoWorker(reasonOf(error));
  }
  return workerBackend(port, options);
}

// Files that lie elsewhere have their worker there too, where the browser lets it start.
function startPort(
  platform: Platform,
  addresses: Addresses,
  startWorker: (() => unknown) | null,
  baseUrl: LoadOptions['baseUrl'],
): Port {
  const url = new URL(addresses[WORKER] ?? WORKER, platform.base());
  const elsewhere = baseUrl !== undefined && url.origin === new URL(platform.base()).origin;
  const worker = elsewhere ? null : startWorker?.();
  return worker ? platform.adopt(worker) : platform.spawn(url);
}

function addressesOf(assets: Assets, baseUrl: LoadOptions['baseUrl'], base: string): Addresses {
  const folder =
    baseUrl === undefined ? undefined : `${new URL(baseUrl, base)}`.replace(/\/*$/, '/');
  const address = (file: string, url: URL | string) =>
    folder === undefined ? new URL(url, base).href : new URL(file, folder).href;
  return Object.fromEntries(
    Object.entries(assets).map(([file, url]) => [file, address(file, url)]),
  );
}

function checkOptions({ threads, variant, worker, onProgress }: LoadOptions): void {
  const refuse = (name: string, reason: string) => {
    throw wtwError('option-invalid', { name, reason });
  };
  if (
    threads !== undefined &&
    !(Number.isInteger(threads) && threads >= 1 && threads <= MAX_THREADS)
  ) {
    refuse('threads', `${threads} is no integer from 1 to ${MAX_THREADS}`);
  }
  if (variant !== undefined && !VARIANTS.includes(variant)) {
    refuse('variant', `${variant} is none of ${VARIANTS.join(', ')}`);
  }
  if (worker !== undefined && typeof worker !== 'boolean') refuse('worker', 'true or false');
  if (onProgress !== undefined && typeof onProgress !== 'function')
    refuse('onProgress', 'a function');
}
