// worker.js: one self-contained file that is the model's worker and, when started by that, one of
// its helpers. No imports and no exports: some bundlers turn it into a classic script.
import { BUILD } from '../../build/generated/build.ts';
import { type Answer, answering } from './answer.ts';
import { browserWorker } from './browser.ts';
import { Control } from './control.ts';
import { toWire } from './errors.ts';
import { instantiate } from './instance.ts';
import { isNode, nodeWorker } from './node.ts';
import { open } from './open.ts';
import {
  buffersOf,
  type CallMessage,
  type FromWorker,
  type HelperStart,
  type ModelStart,
  type ToWorker,
} from './protocol.ts';
import type { Progress } from './types.ts';

const platform = isNode ? nodeWorker : browserWorker;
const parent = platform.parent();
const post = (message: FromWorker, transfer?: ArrayBuffer[]) => parent.post(message, transfer);
let answer: Answer | undefined;
let control: Control | undefined;
let prepareLater = () => {};

async function start(message: ModelStart): Promise<void> {
  const { addresses, cache, variant, threads, control: words } = message;
  try {
    post({ kind: 'alive', build: BUILD, lock: await platform.holdLock() });
    const onProgress = (progress: Progress) => post({ kind: 'progress', progress });
    control = words && new Control(words);
    const options = { addresses, cache, variant, threads, onProgress, control };
    const opened = await open(platform, platform, options);
    answer = answering(opened);
    prepareLater = preparing(new MessageChannel(), () => opened.engine.prepare());
    post({ kind: 'loaded', summary: opened.summary });
  } catch (error) {
    post({ kind: 'failed', error: toWire(error) });
  }
}

// A little at a time, so that a request never waits for it; timers would soon wait 4 ms each.
function preparing({ port1, port2 }: MessageChannel, prepare: () => boolean): () => void {
  let underWay = false;
  const prepareLater = () => {
    if (underWay) return;
    underWay = true;
    port2.postMessage(null);
  };
  port1.onmessage = () => {
    underWay = false;
    if (prepare()) prepareLater();
  };
  return prepareLater;
}

async function reply({ id, request, staged }: CallMessage): Promise<void> {
  const moving = staged ? [staged] : [];
  try {
    const work = () => (answer as Answer)(request);
    const answered = await (control ? control.during(id, work) : work());
    post({ kind: 'reply', id, staged, ...answered }, [...moving, ...buffersOf(answered.reply)]);
    prepareLater();
  } catch (error) {
    post({ kind: 'refused', id, staged, error: toWire(error) }, moving);
  }
}

// Does not return: the worker that owns this one ends it.
function help({ module, memory, handle }: HelperStart): void {
  const runtime = instantiate(module, memory);
  try {
    runtime.wtw_helper_run(handle);
  } catch (error) {
    runtime.wtw_helper_lost(); // a run that waits for this helper's work must not wait for ever
    throw error;
  }
}

parent.listen(
  (data) => {
    const message = data as ToWorker;
    switch (message.kind) {
      case 'model':
        return void start(message);
      case 'call':
        return void reply(message);
      case 'helper':
        return help(message);
      default:
        throw new Error('an unknown message');
    }
  },
  () => {},
);
