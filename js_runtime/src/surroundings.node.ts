// What Node, Deno and Bun tell of themselves and their machine, for diagnose().
import type { Surroundings } from './diagnose.ts';
import { gigabytes, gpuOf } from './surroundings.ts';

export async function nodeSurroundings(): Promise<Surroundings> {
  const { availableParallelism, freemem, totalmem } = process.getBuiltinModule('node:os');
  const { bun, deno, node } = process.versions;
  const name = bun ? `Bun ${bun}` : deno ? `Deno ${deno}` : `Node.js ${node}`;
  const facts = {
    platform: `${name} on ${process.platform} ${process.arch}`,
    isolated: 'not needed here',
    cores: `${availableParallelism()} logical processors`,
    memory: `${gigabytes(freemem())} free of ${gigabytes(totalmem())}`,
    storage: 'files',
    gpu: await gpuOf(globalThis.navigator),
  };
  return { facts, advice: [] };
}
