// Where a model lives: behind a worker's port, or on the calling thread. One interface for both.
import { BUILD } from '../../build/generated/build.ts';
import { answering } from './answer.ts';
import type { Budget } from './budget.ts';
import { lend } from './contents.ts';
import { aborted, fromWire, wtwError } from './errors.ts';
import { open, type OpenOptions } from './open.ts';
import { PATIENCE } from './persistence.ts';
import type { Platform, Port } from './platform.ts';
import type { CallName, Calls, FromWorker, Request, Summary, ToWorker } from './protocol.ts';
import { Queue } from './queue.ts';
import { Staging } from './staging.ts';
import type { MemoryInfo } from './types.ts';
import type { WtwError } from './wtw_error.ts';

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Buffers of inputs may move instead of being copied. */
  readonly transfer?: boolean | undefined;
}

/** Whether a worker's answer can be one: a worker that gives another counts as dead. */
export type Fits = (reply: unknown) => boolean;

export interface Backend {
  readonly summary: Summary;
  /** As of the last answered call. */
  readonly memory: MemoryInfo;
  call<N extends CallName>(
    name: N,
    request: Calls[N]['request'],
    options?: CallOptions,
    fits?: Fits,
  ): Promise<Calls[N]['reply']>;
  /** Rejects what is under way with `disposed`. */
  end(): Promise<void>;
}

/** On the calling thread, which waits while the model runs; `why` it is there comes first. */
export async function localBackend(
  platform: Platform,
  options: OpenOptions,
  budget: Budget,
  why: readonly string[] = [],
): Promise<Backend> {
  const opened = await open(platform, undefined, options);
  const { summary } = opened;
  let { memory } = summary;
  let answer = answering(opened);
  return {
    summary: { ...summary, why: [...why, ...summary.why] },
    get memory() {
      return memory;
    },
    call: async (name, request, { signal } = {}) => {
      if (signal?.aborted) throw aborted(signal);
      budget.begin();
      try {
        const answered = await answer({ call: name, ...request } as Request);
        memory = answered.memory;
        return answered.reply as never;
      } finally {
        budget.end();
      }
    },
    end: async () => {
      answer = () => Promise.reject(wtwError('disposed'));
    },
  };
}

const UNKNOWN = 'it said something unknown';
const OTHER = 'its file is of another version of the package';
const LATE = `nothing came of it for ${PATIENCE.stall / 1000} s`;

/** Thrown where no model can live in a worker, but one may on the calling thread. */
export class NoWorker extends Error {}

/** In a worker that `port` leads to. Throws NoWorker. */
export function workerBackend(port: Port, options: OpenOptions, budget: Budget): Promise<Backend> {
  return new WorkerBackend(port, options, budget).load();
}

class WorkerBackend implements Backend {
  summary!: Summary; // from loading on
  memory!: MemoryInfo;
  private alive = false;
  private ended: WtwError | undefined;
  private loading: { resolve(summary: Summary): void; reject(error: Error): void } | undefined;
  private staging = new Staging();
  private readonly queue = new Queue(
    {
      busy: (busy) => this.busy(busy),
      stop: (id) => this.options.control?.stop(id),
    },
    () => this.summary.hasState,
  );

  constructor(
    private readonly port: Port,
    private readonly options: OpenOptions,
    private readonly budget: Budget,
  ) {}

  async load(): Promise<Backend> {
    const { cache, variant, threads, control, signal } = this.options;
    const { addresses, ports } = lend(this.options.addresses);
    let late: ReturnType<typeof setTimeout> | undefined;
    // In two halves: of a page that was frozen, the first is over at once, whatever has come.
    const wait = (then: () => void) => (late = setTimeout(then, PATIENCE.stall / 2));
    const abort = () => this.finish(aborted(signal));
    signal?.addEventListener('abort', abort);
    try {
      this.summary = await new Promise<Summary>((resolve, reject) => {
        this.loading = { resolve, reject };
        this.port.listen(
          (message) => this.received(message as FromWorker),
          (reason) => (this.alive ? this.died(reason) : reject(new NoWorker(reason))),
        );
        wait(() => wait(() => this.alive || reject(new NoWorker(LATE))));
        const words = control?.words;
        this.post({ kind: 'model', addresses, cache, variant, threads, control: words }, ports);
      });
    } catch (error) {
      await this.port.terminate();
      throw error;
    } finally {
      clearTimeout(late);
      signal?.removeEventListener('abort', abort);
    }
    this.port.busy(false);
    return this;
  }

  call<N extends CallName>(
    name: N,
    request: Calls[N]['request'],
    { signal, transfer }: CallOptions = {},
    fits: Fits = () => true,
  ): Promise<Calls[N]['reply']> {
    if (this.ended) return Promise.reject(this.ended);
    return new Promise((kept, reject) => {
      const resolve = (reply: unknown) => {
        if (fits(reply)) return kept(reply as Calls[N]['reply']);
        this.died(UNKNOWN);
        reject(this.ended as WtwError);
      };
      if (signal?.aborted) throw aborted(signal);
      const { buffers, ...taken } = this.staging.taken(
        { call: name, ...request } as Request,
        transfer,
      );
      const send = (id: number) => this.post({ kind: 'call', id, ...taken }, buffers);
      this.queue.add({ name, signal, send, resolve, reject });
    });
  }

  end(): Promise<void> {
    this.finish(wtwError('disposed'));
    return this.port.terminate();
  }

  private received(message: FromWorker): void {
    if (message?.kind === 'progress') return this.options.onProgress(message.progress);
    try {
      this.take(message);
    } catch {
      this.died(UNKNOWN); // nobody would hear of it, and what waits would wait for ever
    }
  }

  private take(message: Exclude<FromWorker, { kind: 'progress' }>): void {
    switch (message.kind) {
      case 'alive':
        if (message.build !== BUILD) this.loading?.reject(new NoWorker(OTHER));
        this.alive = true;
        if (message.lock !== undefined) this.port.watch(message.lock);
        break;
      case 'loaded':
        this.memory = message.summary.memory;
        this.loading?.resolve(message.summary);
        break;
      case 'failed':
        this.loading?.reject(fromWire(message.error));
        break;
      case 'reply':
        this.memory = message.memory;
        this.staging.back(message.staged);
        this.queue.answered(message.id, message.reply);
        break;
      case 'refused':
        this.staging.back(message.staged);
        this.queue.refused(message.id, fromWire(message.error));
        break;
      default:
        this.died(UNKNOWN);
    }
  }

  private busy(busy: boolean): void {
    this.port.busy(busy);
    if (busy) this.budget.begin();
    else this.budget.end();
  }

  private died(reason: string): void {
    this.finish(wtwError('worker-died', { reason }));
    void this.port.terminate();
  }

  // The first reason counts: ending a worker makes it report that it ended.
  private finish(error: WtwError): void {
    this.ended ??= error;
    this.loading?.reject(this.ended);
    this.queue.end(this.ended);
    this.staging = new Staging(); // the buffers go
  }

  private post(message: ToWorker, transfer?: (ArrayBuffer | MessagePort)[]): void {
    this.port.post(message, transfer);
  }
}
