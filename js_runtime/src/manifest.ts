// The text of model.json in, a manifest that can be relied on out.
import SCHEMA from '../../wasm_torch_web/format/manifest.schema.json';
import type { Manifest } from '../../build/generated/manifest.ts';
import { wtwError } from './errors.ts';
import { ABI, FORMAT } from '../../build/generated/format.ts';
import { faultsOf } from './rules.ts';
import { faultOf } from './schema.ts';

export type { Manifest } from '../../build/generated/manifest.ts';
export type Program = Manifest['programs']['forward'];
export type InputPort = Program['inputs'][number];
export type OutputPort = Program['outputs'][number];
export type Node = Manifest['graph']['nodes'][number];
export type Golden = NonNullable<Manifest['golden']>;
export type GoldenCase = Golden['cases'][number];
export type Shard = Manifest['weights']['shards'][number];

/** In bytes: what JSON of that size becomes in memory is bearable. */
export const MAX_BYTES = 2 ** 25;

/** Throws manifest-invalid, abi-mismatch; `path` is for its message. */
export function readManifest(bytes: Uint8Array, path: string): Manifest {
  return parseManifest(textOf(bytes, path), path);
}

export function parseManifest(text: string, path: string): Manifest {
  const data = parseJson(text, path);
  const reason = versionFault(data) ?? faultOf(SCHEMA, data) ?? firstRule(data as Manifest);
  if (reason !== undefined) throw wtwError('manifest-invalid', { path, reason });
  return data as Manifest;
}

function textOf(bytes: Uint8Array, path: string): string {
  const refused = (reason: string, cause?: unknown) =>
    wtwError('manifest-invalid', { path, reason }, { cause });
  if (bytes.length > MAX_BYTES) throw refused(`larger than ${MAX_BYTES} bytes`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw refused('not UTF-8', error);
  }
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
  const { format, abi } = (data ?? {}) as { format?: unknown; abi?: unknown };
  if (format !== FORMAT) return `format ${number(format)}, this runtime reads format ${FORMAT}`;
  if (abi !== ABI) throw wtwError('abi-mismatch', { needed: number(abi), found: ABI });
  return undefined;
}

const number = (value: unknown) => (typeof value === 'number' ? value : typeof value);

function firstRule(manifest: Manifest): string | undefined {
  return faultsOf(manifest).next().value as string | undefined;
}
