// An instance on shared memory and a number of threads in, helper workers that join its runs out.
import type { Instance } from './instance.ts';
import type { Port, WorkerPlatform } from './platform.ts';
import type { HelperStart } from './protocol.ts';

const PATIENCE_MS = 3000;
const POLL_MS = 5;

export class Helpers {
  private readonly ports: Port[] = [];
  private fault: string | undefined;

  /** Starts workers without waiting for them; the runtime is told of all before the first run. */
  constructor(
    private readonly instance: Instance,
    platform: WorkerPlatform,
    private readonly count: number,
  ) {
    for (let i = 0; i < count && this.fault === undefined; ++i) this.start(platform);
  }

  private start(platform: WorkerPlatform): void {
    const { module, memory, runtime } = this.instance;
    const handle = runtime.wtw_helper_new() >>> 0;
    if (handle === 0) return this.fail('not enough memory for a stack');
    try {
      const port = platform.clone();
      this.ports.push(port); // a worker without a reference may be collected
      port.listen(
        () => {},
        (reason) => this.fail(reason),
      );
      port.post({ kind: 'helper', module, memory, handle } satisfies HelperStart);
      port.busy(false);
    } catch (error) {
      this.fail(String(error));
    }
  }

  private fail(reason: string): void {
    this.fault ??= reason;
  }

  /**
   * Waits, by a timer, until all have arrived or one has failed; the model runs with those that
   * are there, and late ones join later. Says what went wrong, if anything.
   */
  async arrive(patiently: boolean): Promise<string | undefined> {
    let late = false; // by a timer: clocks may be set back
    const timer = setTimeout(() => (late = true), (patiently ? 10 : 1) * PATIENCE_MS);
    while (this.arrived() < this.count && this.fault === undefined && !late) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    clearTimeout(timer);
    if (this.arrived() >= this.count) return undefined;
    return `${this.arrived()} of ${this.count} helpers started: ${this.fault ?? 'too slow'}`;
  }

  arrived(): number {
    return this.instance.runtime.wtw_helpers();
  }
}
