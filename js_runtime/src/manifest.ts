// The text of model.json in, a manifest that can be relied on out.
import SCHEMA from '../../wasm_torch_web/format/manifest.schema.json';
import type { Manifest } from '../../build/generated/manifest.ts';
import { wtwError } from './errors.ts';
import { faultOf } from './schema.ts';
import { piecesOf, storedBytes } from './stored.ts';

export type { Manifest } from '../../build/generated/manifest.ts';
export type Program = Manifest['programs']['forward'];
export type InputPort = Program['inputs'][number];
export type OutputPort = Program['outputs'][number];
export type Node = Manifest['graph']['nodes'][number];
export type Golden = NonNullable<Manifest['golden']>;
export type GoldenCase = Golden['cases'][number];
export type Shard = Manifest['weights']['shards'][number];

const FORMAT = 4;

/** Throws manifest-invalid; `path` is for its message. The ABI is checked by the runtime. */
export function parseManifest(text: string, path: string): Manifest {
  const data = parseJson(text, path);
  const reason = versionFault(data) ?? faultOf(SCHEMA, data) ?? weightsFault(data as Manifest);
  if (reason !== undefined) throw wtwError('manifest-invalid', { path, reason });
  return data as Manifest;
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // What came instead is told by its first characters.
    const reason = `not JSON; it begins with ${JSON.stringify(text.slice(0, 30))}`;
    throw wtwError('manifest-invalid', { path, reason }, { cause: error });
  }
}

// Before the schema: a newer format would fail it in confusing ways.
function versionFault(data: unknown): string | undefined {
  const format = (data as { format?: unknown } | null)?.format;
  return format === FORMAT ? undefined : `format ${format}, this runtime reads format ${FORMAT}`;
}

// What streaming into the heap relies on.
function weightsFault({ weights }: Manifest): string | undefined {
  const { shards, blockBytes } = weights;
  const pieces = piecesOf(weights);
  if (pieces.some(({ bytes }) => bytes < 0)) return 'weights that are stored as float16 overlap';
  const total = pieces.reduce((sum, { bytes }) => sum + bytes, 0);
  if (total !== storedBytes(weights)) return "the shards' sizes do not add up to weights.bytes";
  const uneven = shards.find((s) => s.sha256.length !== Math.ceil(s.bytes / blockBytes));
  return uneven && `${uneven.file} has not one hash for each block`;
}
