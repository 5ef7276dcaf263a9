// Models that are at work in, how many threads each may use out: those that work at the same moment
// share the cores, also where one begins or ends in the middle of another's run.
import { MAX_THREADS } from './variants.ts';

interface Member {
  /** It is the `index`-th of `count` at work. */
  share(index: number, count: number): void;
}

const KEY = Symbol.for('wasm-torch-web.running');
const realm = globalThis as { [KEY]?: Set<Member> };
const running = (realm[KEY] ??= new Set()); // of all packages in this realm

function shareOut(): void {
  [...running].forEach((member, index) => member.share(index, running.size));
}

export class Budget implements Member {
  /**
   * Without `cores`, the number of threads was asked for: the model takes them all. Where memory is
   * not shared there is nobody to `tell`, nor a second thread.
   */
  constructor(
    private readonly cores: number | undefined,
    private readonly tell: (threads: number) => void,
  ) {}

  begin(): void {
    running.add(this);
    shareOut();
  }

  end(): void {
    if (running.delete(this)) shareOut();
  }

  share(index: number, count: number): void {
    if (this.cores === undefined) return this.tell(MAX_THREADS);
    const rest = index < this.cores % count ? 1 : 0;
    this.tell(Math.max(1, Math.floor(this.cores / count) + rest));
  }
}
