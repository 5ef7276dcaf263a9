// The page: loads the package beside it, then runs it on what a person gives.
import type { Model, OutputValue } from '../../js_runtime/src/types.ts';
import { type Card, showCard } from './card.ts';
import { byId } from './dom.ts';
import { guarded, showFailure } from './failure.ts';
import { showInputs } from './input/panel.ts';
import { latencyPanel } from './latency.ts';
import { outputPanel } from './output/panel.ts';
import { type Hints, loadModel, type Manifest, readHints, readManifest } from './package.ts';
import { selfTestPanel } from './selftest.ts';
import { timeText } from './text.ts';

interface Result {
  readonly values: Record<string, OutputValue>;
  readonly ms: number;
}

async function start(): Promise<void> {
  const [manifest, hints] = await Promise.all([readManifest(), readHints()]);
  document.title = `${manifest.name}: wasm-torch-web`;
  const card = showCard(byId('card'), manifest);
  const begin = performance.now();
  try {
    const model = await loadModel({ onProgress: card.progress });
    card.loaded(model.info, performance.now() - begin);
    await openWorkbench(model, manifest, hints, card);
  } catch (error) {
    card.failed();
    throw error;
  }
}

async function openWorkbench(
  model: Model,
  manifest: Manifest,
  hints: Hints,
  card: Card,
): Promise<void> {
  const outputs = outputPanel(byId('output'), hints);
  const latency = latencyPanel(byId('latency'), (runs) => void run(runs));
  let busy = false;
  let waiting = false;
  const inputs = await showInputs(byId('input'), manifest, hints, () => void run(1));
  byId('workbench').hidden = false;
  await run(1);
  await selfTestPanel(byId('self-test'), model);

  /** Runs on the inputs as they are now; a change during a run is followed by one more run. */
  async function run(runs: number): Promise<void> {
    waiting = busy;
    if (busy) return;
    busy = true;
    latency.busy(true);
    let result: Result | undefined;
    for (let left = runs; left > 0 || waiting; --left) {
      waiting = false;
      result = await guarded(once);
      if (!result) left = 1; // no use in repeating a failure, unless the input has changed
    }
    if (result) show(result);
    busy = false;
    latency.busy(false);
  }

  async function once(): Promise<Result> {
    const given = inputs.read();
    const begin = performance.now();
    const values = await model.run(given);
    const ms = performance.now() - begin;
    latency.add(ms);
    return { values, ms };
  }

  function show({ values, ms }: Result): void {
    outputs.show(values);
    card.memory(model.info.memory);
    byId('spoken').textContent = `${outputs.spoken()}, in ${timeText(ms)}`;
  }
}

start().catch(showFailure);
