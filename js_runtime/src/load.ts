// A package's assets and the user's options in, a model out.
import { VARIANTS } from '../../build/generated/variants.ts';
import { type Backend, localBackend, NoWorker, workerBackend } from './backend.ts';
import { Budget } from './budget.ts';
import { letGo } from './contents.ts';
import { Control } from './control.ts';
import { aborted, asWtwError, reasonOf, wtwError } from './errors.ts';
import { createModel } from './model.ts';
import type { OpenOptions } from './open.ts';
import { placesOf } from './places.ts';
import type { Platform, Port } from './platform.ts';
import type { Addresses } from './protocol.ts';
import type { LoadModel, LoadOptions } from './types.ts';
import { MAX_THREADS } from './variants.ts';

const WORKER = 'worker.js';

export const loaderFor =
  (platform: Platform): LoadModel =>
  async (assets, startWorker, options = {}, extensions = []) => {
    checkOptions(options);
    if (options.signal?.aborted) throw aborted(options.signal);
    const addresses = placesOf(platform, assets, options);
    const { cache = true, variant, threads, signal } = options;
    const onProgress = listening(options);
    const control = platform.unshared() === undefined ? new Control() : undefined;
    const opening = { addresses, cache, variant, threads, signal, onProgress, control };
    const cores = threads === undefined ? platform.cores() : undefined;
    const budget = new Budget(cores, (share) => control && (control.threads = share));
    const start = () => startPort(platform, addresses, startWorker, options.baseUrl);
    const backend = await openBackend(platform, start, opening, budget, options.worker).catch(
      (error: unknown) => {
        throw asWtwError(error);
      },
    );
    letGo(addresses);
    const model = createModel(backend, options);
    return extensions.reduce((extended, extend) => extend(extended, wtwError), model);
  };

// Hears of nothing after an abort. What it throws itself is reported, as that of an event's listener
// is, and stops nothing.
function listening({ onProgress, signal }: LoadOptions): OpenOptions['onProgress'] {
  return (progress) => {
    if (signal?.aborted) return;
    try {
      onProgress?.(progress);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  };
}

async function openBackend(
  platform: Platform,
  start: () => Port,
  options: OpenOptions,
  budget: Budget,
  worker: boolean | undefined,
): Promise<Backend> {
  const local = { ...options, control: undefined };
  if (worker === false) return localBackend(platform, local, budget);
  try {
    return await inWorker(start, options, budget);
  } catch (error) {
    if (!(error instanceof NoWorker)) throw error;
    const file = workerAddress(options.addresses);
    const failure = wtwError('worker-failed', { reason: error.message, file });
    return localBackend(platform, local, budget, [failure.message]);
  }
}

async function inWorker(start: () => Port, options: OpenOptions, budget: Budget): Promise<Backend> {
  let port: Port;
  try {
    port = start();
  } catch (error) {
    throw new NoWorker(reasonOf(error));
  }
  return workerBackend(port, options, budget);
}

// Files that lie elsewhere have their worker there too, where the browser lets it start. Workers are
// started from addresses only: contents would take a blob URL, which policies forbid.
function startPort(
  platform: Platform,
  addresses: Addresses,
  startWorker: (() => unknown) | null,
  baseUrl: LoadOptions['baseUrl'],
): Port {
  const url = new URL(workerAddress(addresses), platform.base());
  const moved = baseUrl !== undefined && typeof addresses[WORKER]?.at === 'string';
  const elsewhere = moved && url.origin === new URL(platform.base()).origin;
  const worker = elsewhere ? null : startWorker?.();
  return worker ? platform.adopt(worker) : platform.spawn(url);
}

function workerAddress(addresses: Addresses): string {
  const at = addresses[WORKER]?.at;
  return typeof at === 'string' ? at : WORKER;
}

function checkOptions(options: LoadOptions): void {
  const { threads, variant, worker, cache, onProgress, onInvalid } = options;
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
  if (cache !== undefined && typeof cache !== 'boolean') refuse('cache', 'true or false');
  if (onProgress !== undefined && typeof onProgress !== 'function')
    refuse('onProgress', 'a function');
  if (onInvalid !== undefined && !['allow', 'error'].includes(onInvalid))
    refuse('onInvalid', "'allow' or 'error'");
}
