// Streams and bytes at hand in, sources of them out.
import type { Source } from './platform.ts';

type Bytes = Uint8Array<ArrayBuffer>;
type Reading = Pick<Source, 'read' | 'cancel'>;

/** Straight into the caller's buffer where the stream can do that. */
export function streamReading(body: ReadableStream<Bytes>): Reading {
  let reader: ReadableStreamBYOBReader;
  try {
    reader = body.getReader({ mode: 'byob' });
  } catch {
    return chunkReading(body.getReader());
  }
  return {
    read: async (bytes) => {
      const { done, value } = await reader.read(bytes);
      return done ? undefined : value;
    },
    cancel: () => reader.cancel(),
  };
}

function chunkReading(reader: ReadableStreamDefaultReader<Bytes>): Reading {
  let rest = new Uint8Array(0);
  return {
    read: async (bytes) => {
      while (rest.length === 0) {
        const { done, value } = await reader.read();
        if (done) return undefined;
        rest = value;
      }
      const part = rest.subarray(0, bytes.length);
      rest = rest.subarray(part.length);
      bytes.set(part);
      return bytes.subarray(0, part.length);
    },
    cancel: () => reader.cancel(),
  };
}

/** A file of `length` bytes that `part` gives any piece of. */
export function partsSource(
  length: number,
  start: number,
  part: (offset: number, length: number) => Uint8Array | Promise<Uint8Array>,
): Source {
  let offset = start;
  return {
    start,
    length,
    read: async (bytes) => {
      const wanted = Math.min(bytes.length, length - offset);
      if (wanted <= 0) return undefined;
      bytes.set(await part(offset, wanted));
      offset += wanted;
      return bytes.subarray(0, wanted);
    },
    cancel: async () => {},
  };
}
