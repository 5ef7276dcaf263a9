// wtw_failure()'s six numbers and the manifest in, an error in the model's own terms out.
import { type Fields, type Slug, slugOf, wtwError } from './errors.ts';
import type { Manifest } from './manifest.ts';
import type { WtwError } from './wtw_error.ts';

/** See wtw_failure in csrc/api.h. */
export interface Failure {
  readonly code: number;
  readonly node: number;
  readonly operand: number;
  readonly line: number;
  readonly given: bigint;
  readonly allowed: bigint;
}

export const FAILURE_BYTES = 48;

export function readFailure(view: DataView): Failure {
  const word = (i: number) => view.getBigInt64(8 * i, true);
  return {
    code: Number(word(0)),
    node: Number(word(1)),
    operand: Number(word(2)),
    line: Number(word(3)),
    given: word(4),
    allowed: word(5),
  };
}

type Describe = (failure: Failure, manifest: Manifest, program: string) => Fields;

const DESCRIBE: Partial<Record<Slug, Describe>> = {
  'abi-mismatch': ({ given }, { abi }) => ({ needed: given, found: abi }),
  'manifest-invalid': () => ({ path: 'model.json', reason: 'it does not describe plan.bin' }),
  'plan-invalid': ({ given, line }) => ({ reason: `record ${given} (rule ${line})` }),
  'out-of-memory': ({ given }) => ({ bytes: given }),
  'size-out-of-range': ({ given, operand }, { symbols }) => {
    const symbol = symbols[operand];
    return { given, symbol: symbol?.name, min: symbol?.min, max: symbol?.max };
  },
  'size-mismatch': ({ given, allowed, operand, node }, manifest, program) => {
    const name = portsOf(manifest, program)[operand]?.name;
    return { given, name, axis: node, expected: allowed };
  },
  'input-shape': ({ given, allowed, operand }, manifest, program) => {
    const port = portsOf(manifest, program)[operand];
    const expected = port && 'shape' in port ? `[${port.shape.join(', ')}]` : allowed;
    return { name: port?.name, given, expected };
  },
  'guard-failed': ({ operand }, manifest, program) => ({
    guard: manifest.programs[program]?.guards[operand],
  }),
  'index-out-of-range': (failure, manifest) => ({
    ...placeOf(failure, manifest),
    index: failure.given,
    bound: failure.allowed,
  }),
  'matrix-singular': matrixOf,
  'matrix-not-definite': matrixOf,
  'kernel-refused': (failure, manifest) => ({
    ...placeOf(failure, manifest),
    reason: `rule ${failure.line}`,
  }),
  internal: ({ line, node }) => ({ reason: `rule ${line} at node ${node}` }),
};

export function failureError(failure: Failure, manifest: Manifest, program: string): WtwError {
  const slug = slugOf(failure.code);
  if (slug === undefined) return wtwError('internal', { reason: `code ${failure.code}` });
  return wtwError(slug, DESCRIBE[slug]?.(failure, manifest, program) ?? {});
}

function portsOf(manifest: Manifest, program: string) {
  return manifest.programs[program]?.inputs ?? [];
}

// Which matrix of a batch, and how far it could be factored.
function matrixOf(failure: Failure, manifest: Manifest): Fields {
  return { ...placeOf(failure, manifest), matrix: failure.given, order: failure.allowed };
}

// The operator, and where it stands in the user's model: `encoder.layers.0 at model.py:42`.
function placeOf({ node }: Failure, { graph }: Manifest): Fields {
  const { op, module, source } = graph.nodes[node] ?? { op: `node ${node}` };
  const where = [module, source && `at ${source}`].filter(Boolean).join(' ');
  return { op, where: where || `node ${node}` };
}
