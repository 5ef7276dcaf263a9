// Stands in for the runtime: a "model" whose outputs are its inputs, for tests of the comparison.

export class WtwError extends Error {
  name = 'WtwError';
  code = 'WTW409';
}
export const isWtwError = (error) => error instanceof WtwError;

export const diagnosePackage = async (subject) => ({ text: subject });

export async function loadModel(assets, startWorker, { variant = 'relaxed-single' } = {}) {
  if (variant === 'broken') throw new WtwError('load option variant: broken');
  await (await fetch(assets['model.json'][0])).json();
  const run = async (inputs) => {
    const named = Object.entries(inputs).map(([name, value]) => [`${name}_out`, value]);
    return Object.fromEntries(variant === 'simd128-single' ? named.map(spoil) : named);
  };
  const peek = async (program, node, output) => ({ dtype: 'int32', shape: [3], data: Int32Array.of(node, output, 7) });
  return {
    info: { variant, why: `asked for ${variant}`, threads: 1, crossOriginIsolated },
    run,
    reset: async () => {},
    dispose: async () => {},
    selfTest: async () => ({ passed: true, outputs: [{ name: 'x_out', maxAbsError: 0, maxRelError: 0 }] }),
    debug: { run, peek },
  };
}

// One element of float32 outputs is off by a thousandth.
function spoil([name, value]) {
  if (value.dtype === 'float32') value.data[0] += 1e-3;
  return [name, value];
}
