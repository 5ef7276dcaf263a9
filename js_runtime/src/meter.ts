// Bytes as they arrive in, reports of the progress out.
import type { Progress } from './types.ts';

const REPORT_MS = 50;

/** Counts bytes and reports them, not too often, and always the last. */
export class Meter {
  private readonly start = performance.now();
  private reported = -Infinity;
  private loaded = 0;
  private cached = 0;

  constructor(
    private readonly total: number,
    private readonly report: (progress: Progress) => void,
  ) {}

  add(bytes: number, fromCache = false): void {
    this.loaded += bytes;
    if (fromCache) this.cached += bytes;
    const now = performance.now();
    const soon = Math.abs(now - this.reported) < REPORT_MS; // clocks may be set back
    if (soon && this.loaded < this.total) return;
    this.reported = now;
    this.tell('download');
  }

  /** Everything has come: the model is made of it. */
  prepare(): void {
    this.tell('prepare');
  }

  /** Milliseconds until all is there, at the pace so far. */
  rest(): number {
    const elapsed = performance.now() - this.start;
    return this.loaded === 0 ? Infinity : (elapsed * (this.total - this.loaded)) / this.loaded;
  }

  private tell(phase: Progress['phase']): void {
    const { loaded, total, cached } = this;
    this.report({ phase, loaded, total, cached });
  }
}
