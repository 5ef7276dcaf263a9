// What a place offers in, a report that a user can paste into an issue out: which variant a model
// would take here, why, and what to change for a better one. No file of a package is fetched.
import { wtwError } from './errors.ts';
import type { Platform } from './platform.ts';
import type { Diagnosis } from './types.ts';
import { chooseVariant, type Facts, simdFacts } from './variants.ts';
import { isWtwError } from './wtw_error.ts';

export interface Surroundings {
  readonly facts: Omit<Diagnosis['facts'], 'simd'>;
  readonly advice: readonly string[];
}

const FASTER = 'Relaxed SIMD is faster: Chrome or Edge 114, Node 21, or newer ones have it.';
const SIMPLEST = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

/** `subject` is the package: its name and version. */
export const diagnoserFor =
  (platform: Platform, surroundings: () => Promise<Surroundings>) =>
  async (subject: string): Promise<Diagnosis> => {
    const { simd128, relaxed } = simdFacts();
    const unthreaded = platform.unshared();
    const choice = choose({ simd128, relaxed, cores: platform.cores(), unthreaded });
    const found = await surroundings();
    const simd = relaxed ? 'relaxed' : simd128 ? 'SIMD128, not relaxed' : 'none';
    const facts = { ...found.facts, simd };
    const advice = [...found.advice, ...(simd128 && !relaxed ? [FASTER] : [])];
    return { ...choice, advice, facts, text: textOf(subject, { ...choice, advice, facts }) };
  };

type Choice = Pick<Diagnosis, 'variant' | 'threads' | 'why'>;

function choose(facts: Facts): Choice {
  try {
    const { variant, threads, why } = chooseVariant(facts, {});
    // A Content-Security-Policy may be against it, in WebKit against the instance only.
    new WebAssembly.Instance(new WebAssembly.Module(SIMPLEST));
    return { variant, threads, why: why.join('; ') };
  } catch (error) {
    const { message } = isWtwError(error) ? error : wtwError('csp-blocks-wasm');
    return { variant: undefined, threads: 0, why: message };
  }
}

function textOf(
  subject: string,
  { variant, threads, why, advice, facts }: Omit<Diagnosis, 'text'>,
): string {
  const rows = {
    package: subject,
    variant: variant === undefined ? 'none' : `${variant}, threads: ${threads}`,
    ...(why && { why }),
    ...facts,
  };
  const lines = Object.entries(rows).map(([name, value]) => `${name}: ${value}`);
  return [...lines, ...advice.map((change) => `to change: ${change}`)].join('\n');
}
