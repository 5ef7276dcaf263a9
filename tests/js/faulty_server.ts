// Files in, a server of them out whose answers go wrong as a test says.
//
// What of an answer was read when it goes wrong must not depend on the machine: the server's own
// client tells it what it has read, and only then the connection breaks.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { node } from '../../js_runtime/src/node.ts';
import type { Platform } from '../../js_runtime/src/platform.ts';

/** What is wrong with an answer. */
export interface Fault {
  readonly status?: number;
  /** Instead of the file's. */
  readonly content?: Uint8Array;
  /** Bytes after which nothing more comes. */
  readonly after?: number;
  /** Whether the connection breaks once they were read, or stays. */
  readonly then?: 'break' | 'hang';
  /** It never answers. */
  readonly mute?: boolean;
  readonly ignoresRange?: boolean;
  /** Instead of what was asked for. */
  readonly start?: number;
  /** Without saying how long it is. */
  readonly chunked?: boolean;
}

export interface Asked {
  readonly file: string;
  readonly range: string | undefined;
  readonly cacheControl: string | undefined;
}

export class FaultyServer {
  readonly asked: Asked[] = [];
  /** What goes wrong with the `n`th answer for a file, counted from 0. */
  fault: (file: string, n: number) => Fault | undefined = () => undefined;
  /** For whoever downloads from here, one try after the other for each file. */
  readonly client: Platform = {
    ...node,
    open: async (url, opening) => {
      const file = url.pathname.slice(1);
      this.read.delete(file);
      this.hanging.delete(file);
      const source = await node.open(url, opening);
      this.read.set(file, 0);
      const read = async (bytes: Uint8Array<ArrayBuffer>) => {
        const part = await source.read(bytes);
        this.read.set(file, (this.read.get(file) ?? 0) + (part?.length ?? 0));
        return part;
      };
      return { ...source, read };
    },
  };
  private readonly server: Server;
  private readonly read = new Map<string, number>(); // bytes of the answer under way
  private readonly hanging = new Map<string, number>(); // bytes of answers that stay open

  constructor(private readonly files: Readonly<Record<string, Uint8Array>>) {
    this.server = createServer((request, response) => this.answer(request, response));
  }

  listen(): Promise<void> {
    return new Promise((ready) => this.server.listen(0, '127.0.0.1', ready));
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  /** Forgets what went before. */
  reset(fault: FaultyServer['fault'] = () => undefined): void {
    this.asked.length = 0;
    this.fault = fault;
  }

  /** Whether the file's answer hangs, and all that came of it was read. */
  silent(file: string): boolean {
    return this.hasRead(file, this.hanging.get(file) ?? Infinity);
  }

  ranges(file: string): (string | undefined)[] {
    return this.asked.filter((one) => one.file === file).map(({ range }) => range);
  }

  address(file: string): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/${file}`;
  }

  private answer({ url, headers }: IncomingMessage, response: ServerResponse): void {
    const file = (url as string).slice(1);
    const fault = this.fault(file, this.ranges(file).length) ?? {};
    this.asked.push({ file, range: headers.range, cacheControl: headers['cache-control'] });
    if (fault.mute) return;
    const content = fault.content ?? this.files[file];
    if (content === undefined || fault.status !== undefined) {
      return void response.writeHead(fault.status ?? 404).end();
    }
    const asked = fault.ignoresRange ? undefined : /^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1];
    const start = fault.start ?? Number(asked ?? 0);
    if (start >= content.length) return void response.writeHead(416).end();
    const partial = asked !== undefined;
    if (partial) {
      const range = `bytes ${start}-${content.length - 1}/${content.length}`;
      response.setHeader('content-range', range);
    }
    if (!fault.chunked) response.setHeader('content-length', content.length - start);
    response.writeHead(partial ? 206 : 200);
    const body = content.subarray(start);
    const { after, then = 'break' } = fault;
    if (after === undefined) return void response.end(body);
    if (then === 'hang') this.hanging.set(file, after);
    response.flushHeaders();
    response.write(body.subarray(0, after));
    if (then === 'break') this.breakOnceRead(file, response, after);
  }

  private breakOnceRead(file: string, response: ServerResponse, bytes: number): void {
    if (this.hasRead(file, bytes)) response.destroy();
    else if (!response.destroyed) setTimeout(() => this.breakOnceRead(file, response, bytes), 1);
  }

  private hasRead(file: string, bytes: number): boolean {
    return (this.read.get(file) ?? -1) >= bytes;
  }
}
