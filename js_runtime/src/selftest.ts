// A loaded model and its golden data in, how far its outputs are from PyTorch's out.
import { type OutputError, worse } from './compare.ts';
import { wtwError } from './errors.ts';
import { goldenError, goldenInput } from './golden.ts';
import type { Engine } from './engine.ts';
import type { Golden, GoldenCase, Manifest, Program } from './manifest.ts';
import type { WireInput, WireOutput } from './protocol.ts';
import { fixedValue } from './tensors.ts';
import type { SelfTestResult } from './types.ts';

type Run = (inputs: readonly WireInput[]) => WireOutput[];

/** `read` fetches golden.bin. Each case runs from the initial state, in sessions of its own. */
export async function selfTest(
  engine: Engine,
  manifest: Manifest,
  read: (golden: Golden) => Promise<ArrayBuffer>,
): Promise<SelfTestResult> {
  const { golden } = manifest;
  if (!golden) throw wtwError('file-missing', { path: 'golden.bin' });
  const data = await read(golden);
  const { forward } = manifest.programs;
  const cases = golden.cases.map((entry) =>
    engine.withSession((run) => caseErrors(forward, entry, data, run)),
  );
  const outputs = forward.outputs.map(({ name }, i) => {
    const errors = cases.map((errors) => errors[i] as OutputError);
    return { name, ...errors.reduce(worse) };
  });
  return {
    passed: outputs.every(({ passed }) => passed),
    outputs: outputs.map(({ name, maxAbsError, maxRelError }) => ({
      name,
      maxAbsError,
      maxRelError,
    })),
  };
}

function caseErrors(
  program: Program,
  entry: GoldenCase,
  data: ArrayBuffer,
  run: Run,
): OutputError[] {
  const inputs = program.inputs.map((port) => {
    const stored = entry.inputs[port.name];
    if (stored === undefined) throw incomplete(port.name);
    return goldenInput(port, stored, data);
  });
  const computed = run(inputs).values();
  return program.outputs.map((port) => {
    const given = fixedValue(port) ?? (computed.next().value as WireOutput);
    const expected = entry.outputs[port.name];
    if (expected === undefined) throw incomplete(port.name);
    return goldenError(port, expected, data, given);
  });
}

function incomplete(name: string) {
  return wtwError('manifest-invalid', { path: 'model.json', reason: `golden data lacks ${name}` });
}
