// A download that may break off in; the same, tried again where that may help, out.
import { aborted } from './errors.ts';
import { Interruption } from './platform.ts';
import { isWtwError } from './wtw_error.ts';

export interface Patience {
  /** Milliseconds in which nothing comes: then the connection counts as broken. */
  readonly stall: number;
  /** Milliseconds after the first failure, the second and so on; then it is given up. */
  readonly pauses: readonly number[];
}

export const PATIENCE: Patience = { stall: 20_000, pauses: [250, 1000, 3000, 6000] };

/** How far a file has come. */
export interface Arrival {
  /** All before this byte is there and checked. */
  readonly offset: number;
}

/**
 * What `attempt` gives. An interruption is followed by another try after a pause, if there is one
 * after so many; damaged content by one that is to `reload` all of it past every cache. Whoever
 * gets further has all tries again.
 */
export async function persistently<T>(
  pauseAfter: (failures: number) => number | undefined,
  signal: AbortSignal,
  arrival: Arrival,
  attempt: (reload: boolean) => Promise<T>,
): Promise<T> {
  let [failures, reload, reached] = [0, false, arrival.offset];
  for (;;) {
    try {
      return await attempt(reload);
    } catch (error) {
      if (signal.aborted) throw aborted(signal);
      if (arrival.offset > reached) [failures, reload, reached] = [0, false, arrival.offset];
      const wait = error instanceof Interruption ? pauseAfter(++failures) : undefined;
      if (wait !== undefined) await pause(wait, signal);
      else if (isDamage(error) && !reload) reload = true;
      else throw error;
    }
  }
}

function isDamage(error: unknown): boolean {
  return isWtwError(error) && ['file-corrupt', 'manifest-invalid'].includes(error.slug);
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
  try {
    await unlessAborted(over, signal);
  } finally {
    clearTimeout(timer); // a process of Node would wait for it
  }
}

/** What `work` gives, unless the signal comes first. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let abort = () => {};
  const end = new Promise<never>((_, reject) => {
    abort = () => reject(aborted(signal));
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort);
  });
  try {
    return await Promise.race([work, end]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** What `work` gives, unless that takes too long: then it is an interruption. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const end = new Promise<never>((_, reject) => {
    const late = () => reject(new Interruption(`nothing came for ${ms / 1000} s`));
    timer = setTimeout(late, ms);
  });
  try {
    return await Promise.race([work, end]);
  } finally {
    clearTimeout(timer);
  }
}
