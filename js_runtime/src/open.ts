// Addresses of a package's files in, a loaded model on this very thread out.
import type { Control } from './control.ts';
import { Engine } from './engine.ts';
import { wtwError } from './errors.ts';
import { Fetcher, type Hash, Meter } from './fetching.ts';
import { Helpers } from './helpers.ts';
import { createMemory, hexadecimal, Instance } from './instance.ts';
import { loadModel } from './loading.ts';
import { type Golden, type Manifest, parseManifest } from './manifest.ts';
import type { Platform, WorkerPlatform } from './platform.ts';
import type { Addresses, Summary } from './protocol.ts';
import { selfTest } from './selftest.ts';
import type { Progress, SelfTestResult, Variant } from './types.ts';
import { type Choice, chooseVariant, simdFacts } from './variants.ts';

const MANIFEST = 'model.json';

export interface OpenOptions {
  readonly addresses: Addresses;
  readonly variant: Variant | undefined;
  readonly threads: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly control?: Control | undefined;
  readonly onProgress: (progress: Progress) => void;
}

export interface Opened {
  readonly engine: Engine;
  readonly summary: Summary;
  readonly selfTest: () => Promise<SelfTestResult>;
}

/** `helpers` is the platform that starts helper threads; without it there is one thread. */
export async function open(
  platform: Platform,
  helpers: WorkerPlatform | undefined,
  options: OpenOptions,
): Promise<Opened> {
  const fetching = new AbortController();
  const abort = () => fetching.abort(options.signal?.reason);
  options.signal?.addEventListener('abort', abort);
  const fetcher = new Fetcher(platform, options.addresses, fetching.signal);
  try {
    return await openWith(fetcher, platform, helpers, options, fetching.signal);
  } catch (error) {
    fetching.abort(error); // one failure ends all downloads
    throw error;
  } finally {
    options.signal?.removeEventListener('abort', abort);
  }
}

async function openWith(
  fetcher: Fetcher,
  platform: Platform,
  helpers: WorkerPlatform | undefined,
  options: OpenOptions,
  signal: AbortSignal,
): Promise<Opened> {
  const unthreaded = helpers ? helpers.unshared() : 'the model runs on the calling thread';
  const facts = { ...simdFacts(), cores: platform.cores(), unthreaded };
  const choice = chooseVariant(facts, options);
  const compiling = platform.compile(fetcher.url(`runtime-${choice.variant}.wasm`), signal);
  compiling.catch(() => {}); // awaited below, unless the manifest is at fault
  const manifest = parseManifest(await fetcher.text(MANIFEST), fetcher.url(MANIFEST).href);
  const meter = new Meter(manifest.plan.bytes + manifest.weights.bytes, options.onProgress);
  fetcher.received = (bytes) => meter.add(bytes);

  const instance = new Instance(await compiling, createMemory(choice.shared));
  checkAbi(manifest.abi, instance.runtime.wtw_abi());
  const team = helpers && new Helpers(instance, helpers, choice.threads - 1);
  const hash = hashOf(instance);
  // Without helpers the calling thread is the page's, which has its own work while it loads.
  const warms = helpers !== undefined;
  const model = await loadModel(instance, manifest, fetcher, hash, meter, warms);
  const engine = new Engine(instance, manifest, model, options.control);
  fetcher.received = () => {}; // golden data is no part of the loading
  const late = team && (await gather(team, options));
  const read = async (golden: Golden) => (await fetcher.file(golden, hash)).buffer;
  return {
    engine,
    summary: summaryOf(manifest, engine, choice, 1 + (team?.arrived() ?? 0), late),
    selfTest: () => selfTest(engine, manifest, read),
  };
}

// Says what is missing; waits longer where the number of threads was asked for.
async function gather(team: Helpers, { variant, threads }: OpenOptions) {
  return team.arrive(threads !== undefined || variant !== undefined);
}

function checkAbi(needed: number, found: number): void {
  if (needed !== found) throw wtwError('abi-mismatch', { needed, found });
}

// WebCrypto is absent on pages that are not secure.
function hashOf(instance: Instance): Hash {
  const subtle = globalThis.crypto?.subtle as SubtleCrypto | undefined;
  return async (bytes) =>
    subtle
      ? hexadecimal(new Uint8Array(await subtle.digest('SHA-256', bytes)))
      : instance.sha256(bytes);
}

function summaryOf(
  manifest: Manifest,
  engine: Engine,
  { variant, why }: Choice,
  threads: number,
  late: string | undefined,
): Summary {
  const { name, version, parameters, programs } = manifest;
  return {
    manifest: { name, version, parameters, programs },
    memory: engine.memory(),
    hasState: engine.hasState(),
    variant,
    threads,
    why: late ? [...why, late] : why,
  };
}
