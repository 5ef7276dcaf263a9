// What the place offers and what the caller wants in; the best variant, and why no better, out.
import { wtwError } from './errors.ts';
import type { Variant } from './types.ts';

export interface Facts {
  readonly simd128: boolean;
  readonly relaxed: boolean;
  readonly cores: number;
  /** Why there can be no threads, if so. */
  readonly unthreaded: string | undefined;
}

export interface Choice {
  readonly variant: Variant;
  readonly simd: 'relaxed' | 'simd128';
  /** Whether the variant is one for threads: its memory is shared. */
  readonly shared: boolean;
  readonly threads: number;
  readonly why: readonly string[];
}

/** As many as the runtime takes (csrc/core/pool.h). */
export const MAX_THREADS = 32;
// Beyond, memory bandwidth is what limits.
const DEFAULT_THREADS = 8;

// (func (result v128) i32.const 0, i8x16.splat), and the same twice with i8x16.relaxed_swizzle.
const SIMD128 = [0x41, 0, 0xfd, 0x0f];
const RELAXED = [...SIMD128, ...SIMD128, 0xfd, 0x80, 0x02];

export function simdFacts(): Pick<Facts, 'simd128' | 'relaxed'> {
  return { simd128: compiles(SIMD128), relaxed: compiles(RELAXED) };
}

function compiles(code: readonly number[]): boolean {
  const body = [0, ...code, 0x0b];
  const magic = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  const types = [1, 5, 1, 0x60, 0, 1, 0x7b];
  const functions = [3, 2, 1, 0];
  const codes = [10, body.length + 2, 1, body.length, ...body];
  const wasm = Uint8Array.of(...magic, ...types, ...functions, ...codes);
  return typeof WebAssembly === 'object' && WebAssembly.validate(wasm);
}

export interface Wanted {
  readonly variant?: Variant | undefined;
  readonly threads?: number | undefined;
}

/** Throws wasm-unsupported, or option-invalid where what is wanted is impossible here. */
export function chooseVariant(facts: Facts, wanted: Wanted): Choice {
  if (!facts.simd128) throw wtwError('wasm-unsupported', { reason: 'SIMD128 is missing' });
  const why: string[] = [];
  const simd = chooseSimd(facts, wanted, why);
  const { shared, threads } = chooseThreads(facts, wanted, why);
  return { variant: `${simd}-${shared ? 'threads' : 'single'}`, simd, shared, threads, why };
}

function chooseSimd(facts: Facts, { variant }: Wanted, why: string[]): 'relaxed' | 'simd128' {
  if (variant?.startsWith('simd128')) {
    why.push('SIMD128 as asked for');
    return 'simd128';
  }
  if (facts.relaxed) return 'relaxed';
  if (variant) throw impossible('variant', 'relaxed SIMD is not available here');
  why.push('no relaxed SIMD here');
  return 'simd128';
}

function chooseThreads(facts: Facts, { variant, threads }: Wanted, why: string[]) {
  if (variant?.endsWith('single') && threads !== undefined && threads > 1) {
    throw impossible('threads', `${variant} has one thread`);
  }
  if (variant?.endsWith('threads') && facts.unthreaded) {
    throw impossible('variant', facts.unthreaded);
  }
  const count = threads ?? Math.min(facts.cores, DEFAULT_THREADS);
  const shared = variant ? variant.endsWith('threads') : count > 1 && !facts.unthreaded;
  if (!shared) {
    const asked = variant !== undefined || threads === 1;
    why.push(`one thread: ${asked ? 'as asked for' : (facts.unthreaded ?? 'one core')}`);
  }
  return { shared, threads: shared ? count : 1 };
}

function impossible(name: string, reason: string) {
  return wtwError('option-invalid', { name, reason });
}
