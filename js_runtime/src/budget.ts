// A model's calls in, how many threads each may use out: models that run at the same moment share
// the cores, not only those of one package.
import { MAX_THREADS } from './variants.ts';

const KEY = Symbol.for('wasm-torch-web.running');
const realm = globalThis as { [KEY]?: Set<object> };
const running = (realm[KEY] ??= new Set());

export class Budget {
  private calls = 0;

  /** Without `cores`, the number of threads was asked for: the model takes them all. */
  constructor(private readonly cores?: number) {}

  async use<T>(call: (threads: number) => Promise<T>): Promise<T> {
    if (++this.calls === 1) running.add(this);
    try {
      return await call(this.share());
    } finally {
      if (--this.calls === 0) running.delete(this);
    }
  }

  private share(): number {
    if (this.cores === undefined) return MAX_THREADS;
    return Math.max(1, Math.floor(this.cores / running.size));
  }
}
