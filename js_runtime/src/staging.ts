// The inputs of a request in, what the worker gets of them out: the buffers themselves where they
// may move, else copies in one buffer that moves to the worker and back.
//
// A fresh buffer for each run would cost ten times the copying: the system maps it page by page.
import { wtwError } from './errors.ts';
import type { Request, Staged, WireInput } from './protocol.ts';

const KEPT = 2; // one is filled while the worker has the other
const ALIGNMENT = 16;

type View = Uint8Array<ArrayBuffer>;

export interface Taken {
  readonly request: Request;
  readonly staged: Staged;
  /** All buffers of the request. */
  readonly buffers: ArrayBuffer[];
}

export class Staging {
  private readonly spares: ArrayBuffer[] = [];

  /** What has bytes and does not `move` is copied. Throws out-of-memory. */
  taken(request: Request, move = false): Taken {
    if (!('inputs' in request)) return { request, staged: undefined, buffers: [] };
    const moved = move ? movedViews(request.inputs) : new Map<WireInput, View>();
    const bytes = request.inputs.filter((input) => !moved.has(input)).reduce(end, 0);
    const staged = bytes === 0 ? undefined : this.take(bytes);
    let offset = 0;
    const inputs = request.inputs.map((input): WireInput => {
      if (!('bytes' in input)) return input;
      const { shape } = input;
      const view = moved.get(input);
      if (view) return { bytes: view, shape };
      // An empty view would carry all of its buffer along.
      const copy = staged ? new Uint8Array(staged, offset, input.bytes.length) : new Uint8Array(0);
      copy.set(input.bytes);
      offset = end(offset, input);
      return { bytes: copy, shape };
    });
    const views = [...moved.values()].map(({ buffer }) => buffer);
    const buffers = [...new Set(staged ? [staged, ...views] : views)];
    return { request: { ...request, inputs }, staged, buffers };
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

// Of the inputs that lie in a buffer of which one of them is the whole: others may hold more. The
// caller's buffer is detached at once, so that nobody writes to what waits for its turn.
function movedViews(inputs: readonly WireInput[]): Map<WireInput, View> {
  const tensors = inputs.filter((input) => 'bytes' in input);
  const whole = tensors.filter(({ bytes }) => bytes.length > 0 && isWhole(bytes));
  const moved = new Map<WireInput, View>();
  for (const buffer of new Set(whole.map(({ bytes }) => bytes.buffer))) {
    const views = tensors
      .filter(({ bytes }) => bytes.buffer === buffer)
      .map((input) => [input, input.bytes.byteOffset, input.bytes.length] as const);
    const own = detached(buffer);
    if (own)
      views.forEach(([input, at, length]) => moved.set(input, new Uint8Array(own, at, length)));
  }
  return moved;
}

const isWhole = ({ byteLength, buffer }: Uint8Array) => byteLength === buffer.byteLength;

// Undefined where it cannot be: it is shared, its owner keeps it, or the browser is too old.
function detached(buffer: ArrayBufferLike): ArrayBuffer | undefined {
  try {
    return structuredClone(buffer as ArrayBuffer, { transfer: [buffer as ArrayBuffer] });
  } catch {
    return undefined;
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
