// Sizes of a run's outputs in, buffers for them out: made while the worker has nothing else to do.
//
// Large buffers are always new memory, which the system maps page by page at the first touch: that
// takes several times the copying.

const LEAST = 65536; // smaller ones come out of what an engine has mapped already
const MOST = 32 << 20; // together
const SLICE = 1 << 20; // touched at a time: well below a millisecond
const PAGE = 4096;

export class Spares {
  private readonly made: ArrayBuffer[] = [];
  private due: number[] = []; // sizes still to be made
  private touched = 0; // bytes of the last one made
  private taken: number[] = []; // sizes, by the run under way
  private before: readonly number[] = []; // by the run before

  /** Throws a RangeError where there is no memory. */
  take(bytes: number): ArrayBuffer {
    this.taken.push(bytes);
    const at = this.made.findIndex(({ byteLength }) => byteLength === bytes);
    return at < 0 ? new ArrayBuffer(bytes) : (this.made.splice(at, 1)[0] as ArrayBuffer);
  }

  /** A run has taken its last. What two runs in a row have taken will be wanted again. */
  ran(): void {
    const { taken, before } = this;
    const again = taken.length === before.length && taken.every((size, i) => size === before[i]);
    this.made.length = 0; // of other sizes
    let room = MOST;
    this.due = again ? taken.filter((size) => size >= LEAST && (room -= size) >= 0) : [];
    this.before = taken;
    this.taken = [];
  }

  /** Does a part of what there is to do; gives whether there is more. */
  prepare(): boolean {
    const last = this.made.at(-1);
    if (last && this.touched < last.byteLength) {
      const bytes = new Uint8Array(last);
      const end = Math.min(last.byteLength, this.touched + SLICE);
      for (; this.touched < end; this.touched += PAGE) bytes[this.touched] = 0;
    } else {
      const size = this.due.shift();
      if (size === undefined) return false;
      this.make(size);
    }
    return true;
  }

  private make(size: number): void {
    try {
      this.made.push(new ArrayBuffer(size));
      this.touched = 0;
    } catch {
      this.due = []; // the run that needs the memory will say that there is none
    }
  }
}
