// Where a model lives: behind a worker's port, or on the calling thread. One interface for both.
import { BUILD } from '../../build/generated/build.ts';
import { answering } from './answer.ts';
import { lend } from './contents.ts';
import { fromWire, wtwError } from './errors.ts';
import { open, type OpenOptions } from './open.ts';
import { PATIENCE } from './persistence.ts';
import type { Platform, Port } from './platform.ts';
import type { CallName, Calls, FromWorker, Reply, Request, Summary, ToWorker } from './protocol.ts';
import { Staging } from './staging.ts';
import type { MemoryInfo } from './types.ts';
import type { WtwError } from './wtw_error.ts';

export interface Backend {
  readonly summary: Summary;
  /** As of the last answered call. */
  readonly memory: MemoryInfo;
  call<N extends CallName>(name: N, request: Calls[N]['request']): Promise<Calls[N]['reply']>;
  /** Rejects what is under way with `disposed`. */
  end(): Promise<void>;
}

/** On the calling thread, which waits while the model runs; `why` it is there comes first. */
export async function localBackend(
  platform: Platform,
  options: OpenOptions,
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
    call: async (name, request) => {
      const answered = await answer({ call: name, ...request } as Request);
      memory = answered.memory;
      return answered.reply as never;
    },
    end: async () => {
      answer = () => Promise.reject(wtwError('disposed'));
    },
  };
}

interface Pending {
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

/** Thrown where no model can live in a worker, but one may on the calling thread. */
export class NoWorker extends Error {}

/** In a worker that `port` leads to. Throws NoWorker. */
export function workerBackend(port: Port, options: OpenOptions): Promise<Backend> {
  return new WorkerBackend(port).load(options);
}

class WorkerBackend implements Backend {
  summary!: Summary; // from loading on
  memory!: MemoryInfo;
  private alive = false;
  private ended: WtwError | undefined;
  private readonly pending = new Map<number, Pending>();
  private staging = new Staging();
  private calls = 0;

  constructor(private readonly port: Port) {}

  async load(options: OpenOptions): Promise<Backend> {
    const { cache, variant, threads, signal, onProgress } = options;
    const { addresses, ports } = lend(options.addresses);
    let late: ReturnType<typeof setTimeout> | undefined;
    const abort = () => this.stop(wtwError('aborted', {}, { cause: signal?.reason }));
    signal?.addEventListener('abort', abort);
    try {
      this.summary = await new Promise<Summary>((resolve, reject) => {
        this.pending.set(LOADING, { resolve: resolve as never, reject });
        this.port.listen(
          (message) => this.received(message as FromWorker, onProgress),
          (reason) => (this.alive ? this.died(reason) : reject(new NoWorker(reason))),
        );
        late = setTimeout(() => this.alive || reject(new NoWorker(LATE)), PATIENCE.stall);
        this.port.post({ kind: 'model', addresses, cache, variant, threads }, ports);
      });
    } catch (error) {
      await this.port.terminate();
      throw error;
    } finally {
      clearTimeout(late);
      signal?.removeEventListener('abort', abort);
    }
    return this;
  }

  call<N extends CallName>(name: N, request: Calls[N]['request']): Promise<Calls[N]['reply']> {
    if (this.ended) return Promise.reject(this.ended);
    const id = ++this.calls;
    return new Promise((resolve, reject) => {
      const copied = this.staging.copied({ call: name, ...request } as Request);
      this.post({ kind: 'call', id, ...copied });
      this.pending.set(id, { resolve: resolve as never, reject });
      this.port.busy(true);
    });
  }

  end(): Promise<void> {
    this.stop(wtwError('disposed'));
    return this.port.terminate();
  }

  private received(message: FromWorker, onProgress: OpenOptions['onProgress']): void {
    switch (message.kind) {
      case 'alive':
        if (message.build !== BUILD) this.settle(LOADING)?.reject(new NoWorker(OTHER));
        this.alive = true;
        if (message.lock !== undefined) this.port.watch(message.lock);
        break;
      case 'progress':
        onProgress(message.progress);
        break;
      case 'loaded':
        this.memory = message.summary.memory;
        this.settle(LOADING)?.resolve(message.summary as never);
        break;
      case 'failed':
        this.settle(LOADING)?.reject(fromWire(message.error));
        break;
      case 'reply':
        this.memory = message.memory;
        this.staging.back(message.staged);
        this.settle(message.id)?.resolve(message.reply);
        break;
      case 'refused':
        this.staging.back(message.staged);
        this.settle(message.id)?.reject(fromWire(message.error));
        break;
      default:
        this.died('it said something unknown');
    }
  }

  private settle(id: number): Pending | undefined {
    const pending = this.pending.get(id);
    this.pending.delete(id);
    if (this.pending.size === 0) this.port.busy(false);
    return pending;
  }

  private died(reason: string): void {
    this.stop(wtwError('worker-died', { reason }));
    void this.port.terminate();
  }

  // The first reason counts: ending a worker makes it report that it ended.
  private stop(error: WtwError): void {
    this.ended ??= error;
    for (const { reject } of this.pending.values()) reject(this.ended);
    this.pending.clear();
    this.staging = new Staging(); // the buffers go
  }

  private post(message: ToWorker): void {
    this.port.post(message, message.kind === 'call' && message.staged ? [message.staged] : []);
  }
}

const LOADING = 0;
const OTHER = 'its file is of another version of the package';
const LATE = `nothing came of it for ${PATIENCE.stall / 1000} s`;
