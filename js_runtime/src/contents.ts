// Contents of files that the caller has at hand in, sources of them out; across the border of a
// worker without a second copy.
import { reasonOf, wtwError } from './errors.ts';
import type { Source } from './platform.ts';
import type { Addresses, Place } from './protocol.ts';
import { partsSource, streamReading } from './streams.ts';

/** Bytes that stay on the caller's side, which sends the parts that the port is asked for. */
export interface Lent {
  readonly port: MessagePort;
  readonly length: number;
}
export type Content = Blob | Uint8Array | Lent;

// Smaller ones are copied with the message.
const LENT_BYTES = 1 << 19;

interface Wish {
  readonly id: number;
  readonly offset: number;
  readonly length: number;
}
interface Part {
  readonly id: number;
  readonly bytes: Uint8Array;
}

/** Of the file of that name, from the byte `from` on. */
export function contentSource(file: string, content: Content, from: number): Source {
  if (content instanceof Blob) return blobSource(file, content, from);
  const part = ArrayBuffer.isView(content)
    ? (offset: number, length: number) => partOf(content, offset, length)
    : borrowing(content.port);
  return partsSource(content.length, from, async (offset, length) => {
    const bytes = await part(offset, length);
    if (bytes.length < length) throw unreadable(file, 'its buffer was transferred');
    return bytes;
  });
}

// Of a buffer that was transferred nothing is left.
function partOf(content: Uint8Array | undefined, offset: number, length: number): Uint8Array {
  return content?.length ? content.subarray(offset, offset + length) : new Uint8Array(0);
}

function unreadable(file: string, reason: string, cause?: unknown) {
  return wtwError('fetch-failed', { url: file, reason }, { cause });
}

// What a user has picked may have changed or gone since.
function blobSource(file: string, blob: Blob, from: number): Source {
  const { read, cancel } = streamReading(blob.slice(from).stream());
  return {
    start: from,
    length: blob.size,
    read: (bytes) =>
      read(bytes).catch((error: unknown) => {
        throw unreadable(file, reasonOf(error), error);
      }),
    cancel,
  };
}

/** The same addresses for a worker; many bytes become ports, which move with the message. */
export function lend(addresses: Addresses): { addresses: Addresses; ports: MessagePort[] } {
  const ports: MessagePort[] = [];
  const lent = Object.entries(addresses).map(([file, place]) => {
    if (!isLarge(place) || !ArrayBuffer.isView(place.at)) return [file, place] as const;
    const port = lending(() => addresses[file]?.at as Uint8Array | undefined);
    ports.push(port);
    return [file, { ...place, at: { port, length: place.at.length } }] as const;
  });
  return { addresses: Object.fromEntries(lent), ports };
}

/** Takes from `addresses` what a loaded model needs no more, so that nothing here keeps it. */
export function letGo(addresses: Addresses): void {
  for (const [file, place] of Object.entries(addresses)) {
    if (isLarge(place)) delete addresses[file];
  }
}

// Golden data, which may be asked for later, is smaller.
function isLarge({ at }: Place): boolean {
  if (typeof at === 'string') return false;
  return (at instanceof Blob ? at.size : at.length) > LENT_BYTES;
}

// The contents are looked up each time: they may have been let go.
function lending(contents: () => Uint8Array | undefined): MessagePort {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }: MessageEvent<Wish>) => {
    const part = new Uint8Array(partOf(contents(), data.offset, data.length));
    port1.postMessage({ id: data.id, bytes: part } satisfies Part, [part.buffer]);
  };
  // Node would wait for more wishes for ever.
  (port1 as MessagePort & { unref?(): void }).unref?.();
  return port2;
}

// One wish at a time; the answer to one that was given up is passed over.
let wishes = 0;
function borrowing(port: MessagePort): (offset: number, length: number) => Promise<Uint8Array> {
  return (offset, length) =>
    new Promise((resolve) => {
      const id = ++wishes;
      port.onmessage = ({ data }: MessageEvent<Part>) => {
        if (data.id === id) resolve(data.bytes);
      };
      port.postMessage({ id, offset, length } satisfies Wish);
    });
}
