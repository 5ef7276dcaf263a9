// A backend in, the object that users hold out.
import type { Backend } from './backend.ts';
import type { Budget } from './budget.ts';
import { wtwError } from './errors.ts';
import type { InputPort, OutputPort } from './manifest.ts';
import { outputsOf, tensorOf, wireInputs, wireSeed } from './tensors.ts';
import type {
  DType,
  InputValue,
  Model,
  ModelDebug,
  ModelInfo,
  PortInfo,
  RunOptions,
} from './types.ts';

type Inputs = Record<string, InputValue>;

export function createModel(backend: Backend, budget: Budget, debug: boolean): Model {
  const { forward } = backend.summary.manifest.programs;
  let disposed = false;
  // Everything of a call up to its posting happens before the first await: that keeps the order.
  const call: Backend['call'] = async (name, request) => {
    if (disposed) throw wtwError('disposed');
    return backend.call(name, request);
  };
  const run = async (inputs: Inputs, keep: boolean) =>
    budget.use(async (threads) => {
      const request = { inputs: wireInputs(forward, inputs), keep, threads };
      return outputsOf(forward, await call('run', request));
    });
  const profiled = async (inputs: Inputs) =>
    budget.use(async (threads) => {
      const request = { inputs: wireInputs(forward, inputs), threads };
      const { outputs, profile } = await call('profile', request);
      return { outputs: outputsOf(forward, outputs), profile };
    });
  const debugging: ModelDebug = {
    run: (inputs) => run(inputs, true),
    peek: async (program, node, output) => tensorOf(await call('peek', { program, node, output })),
  };
  return {
    info: infoOf(backend),
    // What comes back follows from the options, which overloads say and arrow functions cannot.
    run: ((inputs: Inputs, { profile = false }: RunOptions = {}) =>
      profile ? profiled(inputs) : run(inputs, false)) as Model['run'],
    selfTest: () => call('selfTest', {}),
    reset: async () => void (await call('reset', {})),
    seed: async (seed) => void (await call('seed', { seed: wireSeed(seed) })),
    dispose: async () => {
      if (disposed) return;
      disposed = true;
      await backend.end();
    },
    ...(debug ? { debug: debugging } : {}),
  };
}

function infoOf(backend: Backend): ModelInfo {
  const { summary } = backend;
  const { manifest, variant, threads, why } = summary;
  const { name, version, parameters, programs } = manifest;
  return {
    name,
    version,
    variant,
    simd: variant.startsWith('relaxed') ? 'relaxed' : 'simd128',
    threads,
    why: why.join('; '),
    inputs: programs.forward.inputs.map(portInfo),
    outputs: programs.forward.outputs.map(portInfo),
    parameters,
    weightBytes: summary.memory.weights,
    get memory() {
      return backend.memory;
    },
  };
}

const NUMBER_DTYPES: Readonly<Record<string, DType>> = {
  int: 'int64',
  float: 'float64',
  bool: 'bool',
};

function portInfo(port: InputPort | OutputPort): PortInfo {
  const { name, kind } = port;
  if (port.kind === 'tensor') {
    const { dtype, shape, preprocess, classes } = port;
    const extras = { ...(preprocess && { preprocess }), ...(classes && { classes }) };
    return { name, kind, dtype, shape, ...extras };
  }
  return { name, kind, dtype: NUMBER_DTYPES[kind] as DType, shape: [] };
}
