// A request in, the loaded model's answer out: the same on the calling thread and in a worker.
import { wtwError } from './errors.ts';
import { Trap } from './instance.ts';
import type { Opened } from './open.ts';
import type { Answered, Reply, Request } from './protocol.ts';

export type Answer = (request: Request) => Promise<Answered>;

export function answering({ engine, selfTest }: Opened): Answer {
  let stopped: string | undefined;
  const answer = (request: Request): Reply | Promise<Reply> => {
    switch (request.call) {
      case 'run':
        return engine.run(request.inputs, request.keep);
      case 'profile':
        return engine.profile(request.inputs);
      case 'reset':
        engine.reset();
        return null;
      case 'seed':
        engine.seed(request.seed);
        return null;
      case 'selfTest':
        return selfTest();
      case 'peek':
        return engine.peek(request.program, request.node, request.output);
    }
  };
  return async (request) => {
    if (stopped !== undefined) throw wtwError('worker-died', { reason: stopped });
    try {
      return { reply: await answer(request), memory: engine.memory() };
    } catch (error) {
      if (!(error instanceof Trap)) throw error;
      stopped = error.message;
      throw wtwError('worker-died', { reason: stopped }, { cause: error });
    }
  };
}
