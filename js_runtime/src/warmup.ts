// A model whose weights are still on their way in; its kernels as browsers' best compilers make
// them out.
//
// Browsers start wasm as code that was made fast and runs slowly, and optimise each function once
// it has worked for a while. Weights that are not there yet are zeros, which will do for that: the
// results are thrown away.
import { dtypeRow, numelOf } from './dtypes.ts';
import type { Engine } from './engine.ts';
import type { GoldenCase, InputPort, Manifest } from './manifest.ts';
import type { WireInput } from './protocol.ts';
import { isWtwError } from './wtw_error.ts';

const PASSES = 2;
const SLICE_MS = 4;

/**
 * Runs on zeros of the golden sizes, a few milliseconds at a time, until `wanted` says no; that is
 * asked between slices, and lets other work go on.
 */
export async function warmUp(
  engine: Engine,
  manifest: Manifest,
  wanted: () => Promise<boolean>,
): Promise<void> {
  const example = manifest.golden?.cases[0];
  if (!example) return;
  const inputs = manifest.programs.forward.inputs.map((port) => zeros(port, example));
  try {
    for (let pass = 0; pass < PASSES; ++pass) {
      let slice = 0;
      for (const { milliseconds } of engine.steps(inputs)) {
        slice += milliseconds;
        if (slice < SLICE_MS) continue;
        if (!(await wanted())) return;
        slice = 0;
      }
    }
  } catch (error) {
    if (!isWtwError(error)) throw error; // else zeros are nothing that the model takes
  }
}

function zeros({ name, kind }: InputPort, example: GoldenCase): WireInput {
  const entry = example.inputs[name];
  if (entry === undefined || 'value' in entry) {
    return kind === 'float' ? { real: 0 } : { integer: 0n };
  }
  const { shape, dtype } = entry;
  return { bytes: new Uint8Array(numelOf(shape) * dtypeRow(dtype).bytes), shape };
}
