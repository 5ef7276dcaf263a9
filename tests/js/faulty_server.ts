// Files in, a server of them out whose answers go wrong as a test says.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What is wrong with an answer. */
export interface Fault {
  readonly status?: number;
  /** Instead of the file's. */
  readonly content?: Uint8Array;
  /** Bytes after which nothing more comes. */
  readonly after?: number;
  /** Whether the connection breaks then, or stays. */
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
  private readonly server: Server;

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
    send(response, content.subarray(start), fault);
  }
}

function send(response: ServerResponse, body: Uint8Array, { after, then = 'break' }: Fault): void {
  if (after === undefined) return void response.end(body);
  response.write(body.subarray(0, after), () => {
    // What was written is on its way only in the next turn.
    if (then === 'break') setTimeout(() => response.destroy(), 20);
  });
  response.flushHeaders();
}
