// A manifest that fits the schema in, what is wrong with it nevertheless out: sums, extents, names
// and what golden data is of. wasm_torch_web/format/rules.py has the same rules in the same words.
import { dtypeRow, numelOf } from './dtypes.ts';
import type { Golden, GoldenCase, Manifest, Program } from './manifest.ts';
import { pathName } from './schema.ts';
import { piecesOf, storedBytes, UNIT } from './stored.ts';
import type { DType } from './types.ts';

type Port = Program['inputs'][number] | Program['outputs'][number];
type Weight = Manifest['weights']['tensors'][number];
type Entry = GoldenCase['inputs'][string] | GoldenCase['outputs'][string];
type GoldenTensor = Extract<Entry, { shape: unknown }>;
type GoldenRandom = Extract<Entry, { random: unknown }>;

const ALIGNMENT = 64;
const MOST_RANDOM = 2 ** 30; // bytes of a golden input that is drawn
const MOST_SPAN = 2 ** 32; // of integers that are drawn

/** The first is the one to tell; the later rules rely on the earlier ones. */
export function* faultsOf(manifest: Manifest): Generator<string> {
  yield* symbols(manifest.symbols);
  yield* files(manifest);
  for (const { inputs, outputs } of Object.values(manifest.programs)) {
    yield* unique('inputs', namesOf(inputs));
    yield* unique('outputs', namesOf(outputs));
  }
  yield* weights(manifest.weights);
  yield* shards(manifest.weights);
  yield* graph(manifest.graph);
  yield* golden(manifest);
}

const namesOf = (named: readonly { readonly name: string }[]) => named.map(({ name }) => name);

function* unique(what: string, names: readonly string[]) {
  if (new Set(names).size < names.length) yield `two ${what} have the same name`;
}

function* symbols(given: Manifest['symbols']) {
  yield* unique('symbols', namesOf(given));
  for (const { name, min, max } of given) {
    if (min > max) yield `no size is allowed for ${name}`;
  }
}

function* files({ plan, weights, golden }: Manifest) {
  const entries = [plan, ...weights.shards, ...(golden ? [golden] : [])];
  yield* unique('files', ['model.json', ...entries.map(({ file }) => file)]);
}

// They lie one behind the other, each at the next multiple of the alignment.
function* weights({ tensors, bytes }: Manifest['weights']) {
  let end = 0;
  for (const tensor of tensors) {
    const name = pathName(tensor.name);
    if (tensor.offset !== Math.ceil(end / ALIGNMENT) * ALIGNMENT) {
      yield `tensor ${name} does not begin where the one before it ends`;
    }
    if (!fills(tensor)) yield `tensor ${name} has other bytes than its shape needs`;
    const narrow = tensor.storage !== undefined;
    if (narrow && tensor.dtype !== 'float32') {
      yield `tensor ${name} is stored as float16 and is no float32`;
    }
    end = tensor.offset + (narrow ? Math.ceil(tensor.bytes / UNIT) * UNIT : tensor.bytes);
  }
  if (end > bytes) yield 'the tensors reach beyond the weights';
}

// Packed ones have rows of zeros as well.
function fills({ shape, dtype, layout, bytes }: Weight): boolean {
  const needed = numelOf(shape) * itemsize(dtype);
  return layout === 'plain' ? bytes === needed : bytes >= needed;
}

const itemsize = (dtype: DType) => dtypeRow(dtype).bytes;

function* shards(given: Manifest['weights']) {
  const { shards, blockBytes } = given;
  const total = piecesOf(given).reduce((sum, { bytes }) => sum + bytes, 0);
  if (storedBytes(given) !== total) yield "the shards' sizes do not add up to weights.bytes";
  for (const { file, bytes, sha256 } of shards) {
    if (sha256.length !== Math.ceil(bytes / blockBytes)) {
      yield `${file} has not one hash for each block`;
    }
  }
  if (shards.slice(0, -1).some(({ bytes }) => bytes % blockBytes !== 0)) {
    yield 'a shard before the last is no multiple of blockBytes';
  }
}

function* graph({ values, nodes }: Manifest['graph']) {
  const names = new Set<string | null>(namesOf(values));
  for (const [number, { inputs, outputs }] of nodes.entries()) {
    for (const name of [...inputs, ...outputs]) {
      if (name !== null && !names.has(name)) {
        yield `node ${number} names ${pathName(name)}, which is no value`;
      }
    }
  }
}

function* golden({ golden, programs }: Manifest) {
  for (const entry of golden ? golden.cases : []) {
    for (const side of ['inputs', 'outputs'] as const) {
      const entries = new Map<string, Entry>(Object.entries(entry[side]));
      const ports: readonly Port[] = programs.forward[side];
      if (entries.size !== ports.length || !ports.every(({ name }) => entries.has(name))) {
        yield `golden data is not of the program's ${side}`;
        return;
      }
      for (const port of ports) {
        if (!isGolden(port, entries.get(port.name) as Entry, golden as Golden)) {
          yield `the golden data of ${pathName(port.name)} is of another`;
        }
      }
    }
  }
}

// Whether it is of the port's kind and, of a tensor, of its dtype and sizes.
function isGolden(port: Port, entry: Entry, { bytes }: Golden): boolean {
  if (port.kind !== 'tensor') return 'value' in entry && isNumber(port.kind, entry.value);
  if ('value' in entry || entry.dtype !== port.dtype) return false;
  return agree(port.shape, entry.shape) && hasRoom(entry, bytes);
}

function isNumber(kind: 'int' | 'float' | 'bool', value: unknown): boolean {
  if (kind === 'float') return typeof value !== 'boolean';
  return typeof value === 'boolean' || (kind === 'int' && Number.isInteger(value));
}

function agree(declared: readonly (number | string)[], shape: readonly number[]): boolean {
  const same = declared.every((one, axis) => typeof one === 'string' || one === shape[axis]);
  return declared.length === shape.length && same;
}

function hasRoom(entry: GoldenTensor, room: number): boolean {
  const every = ('every' in entry && entry.every) || 1;
  const needed = Math.ceil(numelOf(entry.shape) / every) * itemsize(entry.dtype);
  if ('random' in entry) return needed <= MOST_RANDOM && canBeDrawn(entry);
  return entry.bytes === needed && entry.offset + needed <= room;
}

function canBeDrawn({ dtype, random: { low, high } }: GoldenRandom): boolean {
  if (low > high || dtype.includes('float') || dtype.includes('complex')) return low <= high;
  return [low, high].every(Number.isSafeInteger) && high - low < MOST_SPAN;
}
