// The inputs of a request in, copies of them in one buffer that moves to the worker and back, out.
//
// A fresh buffer for each run would cost ten times the copying: the system maps it page by page.
import { wtwError } from './errors.ts';
import type { Request, Staged, WireInput } from './protocol.ts';

const KEPT = 2; // one is filled while the worker has the other
const ALIGNMENT = 16;

export class Staging {
  private readonly spares: ArrayBuffer[] = [];

  /** The caller keeps its arrays; the buffer is the copies', if they have bytes. Throws
   * out-of-memory. */
  copied(request: Request): { request: Request; staged: Staged } {
    if (!('inputs' in request)) return { request, staged: undefined };
    const bytes = request.inputs.reduce(end, 0);
    const staged = bytes === 0 ? undefined : this.take(bytes);
    let offset = 0;
    const inputs = request.inputs.map((input): WireInput => {
      if (!('bytes' in input)) return input;
      // An empty view would carry all of its buffer along.
      const copy = staged ? new Uint8Array(staged, offset, input.bytes.length) : new Uint8Array(0);
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
    const fitting = this.spares.findIndex(({ byteLength }) => byteLength >= bytes);
    const [spare] = this.spares.splice(Math.max(fitting, 0), 1); // one too small makes room
    return spare && fitting >= 0 ? spare : allocated(bytes);
  }
}

function allocated(bytes: number): ArrayBuffer {
  try {
    return new ArrayBuffer(bytes);
  } catch (cause) {
    throw wtwError('out-of-memory', { bytes }, { cause });
  }
}

// Where the next input begins.
function end(offset: number, input: WireInput): number {
  const bytes = 'bytes' in input ? input.bytes.length : 0;
  return offset + Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
