// The page: loads the package beside it, then runs it on what a person gives.
import type { Model } from '../../js_runtime/src/types.ts';
import { type Card, showCard } from './card.ts';
import { byId, h } from './dom.ts';
import { guarded, showFailure } from './failure.ts';
import { showGist, watchOutput } from './gist.ts';
import { showInputs } from './input/panel.ts';
import { latencyPanel } from './latency.ts';
import { outputPanel } from './output/panel.ts';
import {
  type Hints,
  loadModel,
  loadTokenizer,
  type Manifest,
  readHints,
  readManifest,
  withLabels,
} from './package.ts';
import { selfTestPanel } from './selftest.ts';
import { timeText } from './text.ts';

type Given = Parameters<Model['run']>[0];

async function start(): Promise<void> {
  const [manifest, given] = await Promise.all([readManifest(), readHints()]);
  const hints = withLabels(given, manifest);
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
  let comparing = false;
  const tokenizer = await loadTokenizer(hints).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    byId('input').append(h('p', { class: 'warning' }, `The tokenizer cannot be used: ${reason}`));
    return undefined;
  });
  const inputs = await showInputs(byId('input'), manifest, hints, tokenizer, () => void run(1));
  byId('workbench').hidden = false;
  watchOutput();
  await run(1);
  await selfTestPanel(byId('self-test'), model);

  /** Runs on the inputs as they are now; a change during a run is followed by one more run. */
  async function run(runs: number): Promise<void> {
    waiting = busy;
    if (busy) return;
    busy = true;
    latency.busy(true);
    let times = runs;
    do {
      waiting = false;
      await guarded(() => several(times));
      times = 1;
    } while (waiting);
    busy = false;
    latency.busy(false);
  }

  /** Shows what the last one gives. */
  async function several(times: number): Promise<void> {
    for (let left = times; left > 1; --left) await timed(inputs.read().values);
    const { values, typed, other } = inputs.read();
    if (comparing && other) await model.reset();
    const result = await timed(values);
    await outputs.show(result.values, typed, other && (() => runSecond(other)));
    card.memory(model.info.memory);
    showGist(`${outputs.gist()} · ${timeText(result.ms)}`);
  }

  /** Two texts are compared from the same state: the one that the model was loaded with. */
  async function runSecond(given: Given) {
    comparing = true;
    await model.reset();
    return model.run(given);
  }

  async function timed(given: Given) {
    const begin = performance.now();
    const values = await model.run(given);
    const ms = performance.now() - begin;
    latency.add(ms);
    return { values, ms };
  }
}

start().catch(showFailure);
