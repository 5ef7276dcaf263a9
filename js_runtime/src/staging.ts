// The inputs of a request in, copies of them in one buffer that moves to the worker and back, out.
//
// A fresh buffer for each run would cost ten times the copying: the system maps it page by page.
import type { Request, Staged, WireInput } from './protocol.ts';

const KEPT = 2; // one is filled while the worker has the other
const ALIGNMENT = 16;

export class Staging {
  private readonly spares: ArrayBuffer[] = [];

  /** The caller keeps its arrays; the buffer is the copies', if there are any. */
  copied(request: Request): { request: Request; staged: Staged } {
    const bytes = 'inputs' in request ? request.inputs.reduce(end, 0) : 0;
    if (bytes === 0 || !('inputs' in request)) return { request, staged: undefined };
    const staged = this.take(bytes);
    let offset = 0;
    const inputs = request.inputs.map((input): WireInput => {
      if (!('bytes' in input)) return input;
      const copy = new Uint8Array(staged, offset, input.bytes.length);
      copy.set(input.bytes);
      offset = end(offset, input);
      return { bytes: copy, shape: input.shape };
    });
    return { request: { ...request, inputs }, staged };
  }

  /** Takes a buffer back. */
  back(staged: Staged): void {
    if (staged && this.spares.length < KEPT) this.spares.push(staged);
  }

  private take(bytes: number): ArrayBuffer {
    const spare = this.spares.pop();
    return spare && spare.byteLength >= bytes ? spare : new ArrayBuffer(bytes);
  }
}

// Where the next input begins.
function end(offset: number, input: WireInput): number {
  const bytes = 'bytes' in input ? input.bytes.length : 0;
  return offset + Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
