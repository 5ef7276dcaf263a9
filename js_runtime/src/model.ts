// A backend in, the object that users hold out.
import type { Backend, Fits } from './backend.ts';
import { wtwError } from './errors.ts';
import type { InputPort, OutputPort } from './manifest.ts';
import type { Calls } from './protocol.ts';
import { isAnswer, outputsOf, tensorOf, wireInputs, wireSeed } from './tensors.ts';
import type {
  DType,
  InputValue,
  LoadOptions,
  Model,
  ModelDebug,
  ModelInfo,
  PortInfo,
  RunOptions,
} from './types.ts';

type Inputs = Record<string, InputValue>;

// What `using` looks for; where the engine has no such symbols, what compilers put in their place.
const asyncDispose: typeof Symbol.asyncDispose = symbolOf('asyncDispose');
const syncDispose: typeof Symbol.dispose = symbolOf('dispose');

function symbolOf<N extends 'asyncDispose' | 'dispose'>(name: N): SymbolConstructor[N] {
  return Symbol[name] ?? (Symbol.for(`Symbol.${name}`) as SymbolConstructor[N]);
}

export function createModel(
  backend: Backend,
  { debug = false, onInvalid = 'allow' }: Pick<LoadOptions, 'debug' | 'onInvalid'>,
): Model {
  const { forward } = backend.summary.manifest.programs;
  let disposing: Promise<void> | undefined;
  const dispose = () => (disposing ??= backend.end());
  // Everything of a call up to its posting happens before the first await: that keeps the order.
  const call: Backend['call'] = async (name, request, options, fits) => {
    if (disposing) throw wtwError('disposed');
    return backend.call(name, request, options, fits);
  };
  const isRun: Fits = (reply) => isAnswer(forward, reply);
  const isProfile: Fits = (reply) => isRun((reply as Partial<Calls['profile']['reply']>)?.outputs);
  const taken = (inputs: Inputs) => wireInputs(forward, inputs, onInvalid);
  const run = async (inputs: Inputs, keep: boolean, options?: RunOptions) => {
    const request = { inputs: taken(inputs), keep };
    return outputsOf(forward, await call('run', request, options, isRun));
  };
  const profiled = async (inputs: Inputs, options: RunOptions) => {
    const request = { inputs: taken(inputs) };
    const { outputs, profile } = await call('profile', request, options, isProfile);
    return { outputs: outputsOf(forward, outputs), profile };
  };
  const debugging: ModelDebug = {
    run: (inputs) => run(inputs, true),
    peek: async (program, node, output) => tensorOf(await call('peek', { program, node, output })),
  };
  return {
    info: infoOf(backend),
    // What comes back follows from the options, which overloads say and arrow functions cannot.
    run: ((inputs: Inputs, options: RunOptions = {}) =>
      options.profile ? profiled(inputs, options) : run(inputs, false, options)) as Model['run'],
    selfTest: () => call('selfTest', {}),
    reset: async () => void (await call('reset', {})),
    seed: async (seed) => void (await call('seed', { seed: wireSeed(seed) })),
    dispose,
    [asyncDispose]: dispose,
    [syncDispose]: () => void dispose(),
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
