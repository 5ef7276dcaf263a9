// Calls in, in their order and one at a time to the worker out. What still waits here can be taken
// back, which a message in a worker's own queue cannot.
import { aborted, asWtwError, wtwError } from './errors.ts';
import type { CallName, Reply } from './protocol.ts';
import type { WtwError } from './wtw_error.ts';

export interface Job {
  readonly name: CallName;
  readonly signal: AbortSignal | undefined;
  /** Hands the call to the worker, under this number. */
  send(id: number): void;
  resolve(reply: Reply): void;
  reject(error: WtwError): void;
}

/** What a queue tells. */
export interface Listener {
  /** Whether there is work; for each change of that, and perhaps more often. */
  busy(busy: boolean): void;
  /** The run of this number is not wanted any more. */
  stop(id: number): void;
}

interface Entry extends Job {
  id?: number; // once it was sent
  ignore(): void; // stops listening to its signal
}

// A self-test fetches a file first and has a state of its own: nothing has to wait for it.
const holdsUp = ({ name }: Job) => name !== 'selfTest';
const runs = ({ name }: Job) => name === 'run' || name === 'profile';

export class Queue {
  private waiting: Entry[] = [];
  private readonly sent = new Map<number, Entry>();
  private turn: Entry | undefined; // whose answer the next one waits for
  private sends = 0;
  private spoiled = false; // a run was aborted under way: how far it has changed the state is open

  constructor(
    private readonly listener: Listener,
    private readonly hasState: () => boolean,
  ) {}

  add(job: Job): void {
    const abort = () => this.abort(entry);
    const ignore = () => job.signal?.removeEventListener('abort', abort);
    const entry: Entry = { ...job, ignore };
    job.signal?.addEventListener('abort', abort);
    this.waiting.push(entry);
    this.listener.busy(true);
    this.next();
  }

  /** The worker's answer to the call of this number. */
  answered(id: number, reply: Reply): void {
    this.settle(id)?.resolve(reply);
    this.next();
  }

  refused(id: number, error: WtwError): void {
    this.settle(id)?.reject(error);
    this.next();
  }

  /** Refuses everything. */
  end(error: WtwError): void {
    const entries = [...this.sent.values(), ...this.waiting];
    this.sent.clear();
    this.waiting = [];
    this.turn = undefined;
    for (const entry of entries) {
      entry.ignore();
      entry.reject(error);
    }
    this.listener.busy(false);
  }

  private next(): void {
    while (this.turn === undefined) {
      const entry = this.waiting.shift();
      if (entry === undefined) break;
      this.start(entry);
    }
    if (this.sent.size === 0) this.listener.busy(false);
  }

  private start(entry: Entry): void {
    if (entry.name === 'reset') this.spoiled = false;
    if (this.spoiled && runs(entry)) return this.refuse(entry, wtwError('state-dirty'));
    entry.id = ++this.sends;
    this.sent.set(entry.id, entry);
    if (holdsUp(entry)) this.turn = entry;
    try {
      entry.send(entry.id);
    } catch (error) {
      this.settle(entry.id);
      this.refuse(entry, asWtwError(error));
    }
  }

  private settle(id: number): Entry | undefined {
    const entry = this.sent.get(id);
    this.sent.delete(id);
    if (this.turn === entry) this.turn = undefined;
    entry?.ignore();
    return entry;
  }

  private refuse(entry: Entry, error: WtwError): void {
    entry.ignore();
    entry.reject(error);
  }

  // What the worker has stays there until it is answered, though nobody waits for that.
  private abort(entry: Entry): void {
    this.refuse(entry, aborted(entry.signal));
    if (entry.id === undefined) {
      this.waiting = this.waiting.filter((other) => other !== entry);
    } else {
      this.spoiled ||= this.hasState();
      this.listener.stop(entry.id);
    }
  }
}
