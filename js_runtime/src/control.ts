// What the calling thread wants of a run that is under way in, what the worker looks up between
// two operators out: words in shared memory, since a worker reads no messages while it computes.
import { MAX_THREADS } from './variants.ts';

const THREADS = 0;
const STOPPED = 1; // the number of a call; the first is 1

export class Control {
  private call = 0;

  /** `words` are those of the other side. */
  constructor(readonly words = new Int32Array(new SharedArrayBuffer(8)).fill(MAX_THREADS, 0, 1)) {}

  /** That work on the run, the worker itself included. */
  get threads(): number {
    return Atomics.load(this.words, THREADS);
  }

  set threads(threads: number) {
    Atomics.store(this.words, THREADS, threads);
  }

  /** The call of this number need not go on. */
  stop(call: number): void {
    Atomics.store(this.words, STOPPED, call);
  }

  /** Whether the call that `work` does is to stop. */
  get stopped(): boolean {
    return this.call !== 0 && Atomics.load(this.words, STOPPED) === this.call;
  }

  /** Does the work of the call, up to its first wait. */
  during<T>(call: number, work: () => T): T {
    this.call = call;
    try {
      return work();
    } finally {
      this.call = 0;
    }
  }
}
