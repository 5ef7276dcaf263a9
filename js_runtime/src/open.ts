// Addresses of a package's files in, a loaded model on this very thread out.
import { compileError } from './browser.ts';
import { openCache, PackageCache } from './cache.ts';
import { letGo } from './contents.ts';
import type { Control } from './control.ts';
import type { Bytes, Hash } from './download.ts';
import { Engine } from './engine.ts';
import { wtwError } from './errors.ts';
import { Fetcher } from './fetching.ts';
import { Helpers } from './helpers.ts';
import { createMemory, hexadecimal, Instance } from './instance.ts';
import { loadModel } from './loading.ts';
import { type Golden, type Manifest, MAX_BYTES, readManifest } from './manifest.ts';
import { Meter } from './meter.ts';
import { unlessAborted } from './persistence.ts';
import type { Platform, WorkerPlatform } from './platform.ts';
import type { Addresses, Summary } from './protocol.ts';
import { selfTest } from './selftest.ts';
import { storedBytes } from './stored.ts';
import type { Progress, SelfTestResult, Variant } from './types.ts';
import { type Choice, chooseVariant, simdFacts } from './variants.ts';

const MANIFEST = 'model.json';

export interface OpenOptions {
  readonly addresses: Addresses;
  readonly cache: boolean;
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
  const fetcher = new Fetcher(platform, options.addresses, fetching.signal);
  const opening = openWith(fetcher, platform, helpers, options);
  try {
    return await (options.signal ? unlessAborted(opening, options.signal) : opening);
  } catch (error) {
    fetching.abort(error); // one failure ends all downloads
    throw error;
  }
}

async function openWith(
  fetcher: Fetcher,
  platform: Platform,
  helpers: WorkerPlatform | undefined,
  options: OpenOptions,
): Promise<Opened> {
  const unthreaded = helpers ? helpers.unshared() : 'the model runs on the calling thread';
  const facts = { ...simdFacts(), cores: platform.cores(), unthreaded };
  const choice = chooseVariant(facts, options);
  const subtle = webHash(); // a cache is found by it
  const caching = options.cache && subtle ? openCache(platform.caches) : undefined;
  const file = `runtime-${choice.variant}.wasm`;
  const starting = fetcher.module(file, subtle).then((module) => {
    const memory = createMemory(choice.shared);
    try {
      return new Instance(module, memory);
    } catch (error) {
      throw compileError(fetcher.name(file), error); // WebKit's policies allow compiling
    }
  });
  starting.catch(() => {}); // awaited below, unless the manifest is at fault
  const hash = subtle ?? (async (bytes: Bytes) => (await starting).sha256(bytes));
  const manifest = await fetcher.parsed(MANIFEST, MAX_BYTES, hash, (bytes) =>
    readManifest(bytes, fetcher.name(MANIFEST)),
  );
  const total = manifest.plan.bytes + storedBytes(manifest.weights);
  const meter = new Meter(total, options.onProgress);
  fetcher.received = (bytes, fromCache) => meter.add(bytes, fromCache);
  fetcher.cache = caching && (await PackageCache.of(caching, manifest));

  const instance = await starting;
  checkAbi(manifest.abi, instance.runtime.wtw_abi());
  const team = helpers && new Helpers(instance, helpers, choice.threads - 1);
  // Without helpers the calling thread is the page's, which has its own work while it loads.
  const warms = helpers !== undefined;
  const model = await loadModel(instance, manifest, fetcher, hash, meter, warms);
  const engine = new Engine(instance, manifest, model, options.control);
  letGo(options.addresses);
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

// Absent on pages that are not secure: there the runtime hashes, everything but itself.
function webHash(): Hash | undefined {
  const subtle = globalThis.crypto?.subtle as SubtleCrypto | undefined;
  return (
    subtle && (async (bytes) => hexadecimal(new Uint8Array(await subtle.digest('SHA-256', bytes))))
  );
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
