// A manifest and an instance in; plan and weights in its memory, and the model made of them, out.
import type { Hash } from './download.ts';
import { Engine, lastFailure } from './engine.ts';
import type { Fetcher } from './fetching.ts';
import type { Instance } from './instance.ts';
import type { Manifest } from './manifest.ts';
import type { Meter } from './meter.ts';
import { segmentAt } from './stored.ts';
import { warmUp } from './warmup.ts';

// Time that a download needs to show its pace.
const PACE_MS = 50;
// A rest of a download that comes sooner is better waited for: warming up takes the processor from
// the browser, which receives and checks the weights.
const WORTHWHILE_MS = 2000;

/** The handle of the model. While the weights arrive, the runtime `warms` up without them. */
export async function loadModel(
  instance: Instance,
  manifest: Manifest,
  fetcher: Fetcher,
  hash: Hash,
  meter: Meter,
  warms: boolean,
): Promise<number> {
  const { plan, weights } = manifest;
  const planAddress = instance.alloc(plan.bytes);
  const weightsAddress = instance.alloc(Math.max(weights.bytes, 1));
  const heap = segmentAt(instance, weightsAddress, weights);
  const create = () => {
    const places = [planAddress, plan.bytes, weightsAddress, weights.bytes] as const;
    const model = instance.runtime.wtw_model_new(...places);
    if (model === 0) throw lastFailure(instance, manifest);
    return model >>> 0;
  };

  const arrival = fetcher.weights(weights, hash, heap);
  let arriving = true;
  const end = arrival.catch(() => {}).then(() => (arriving = false)); // awaited below
  const bytes = await fetcher.file(plan, hash);
  instance.bytes(planAddress, plan.bytes).set(bytes);
  const wanted = async (pause = 0) => {
    await Promise.race([end, new Promise((resolve) => setTimeout(resolve, pause))]);
    return arriving && meter.rest() > WORTHWHILE_MS;
  };
  if (warms && (await wanted(PACE_MS))) await warmed(instance, manifest, create, wanted);
  await arrival;
  meter.prepare();
  return create();
}

// In a model of its own, which leaves nothing behind but compiled code.
async function warmed(
  instance: Instance,
  manifest: Manifest,
  create: () => number,
  wanted: () => Promise<boolean>,
): Promise<void> {
  const model = create();
  const engine = new Engine(instance, manifest, model);
  await warmUp(engine, manifest, wanted);
  engine.end();
  instance.runtime.wtw_model_free(model);
}
