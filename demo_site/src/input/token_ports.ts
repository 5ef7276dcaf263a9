// The inputs of a model in, those that a text fills out; and token ids in, their values out.
import { numelOf } from '../../../js_runtime/src/dtypes.ts';
import type { TensorInput } from '../../../js_runtime/src/types.ts';
import type { Manifest, TensorPort } from '../package.ts';
import type { Size } from '../sizes.ts';

/** What an input holds for each token. */
export type Role = 'ids' | 'mask' | 'types' | 'positions';

/** By the names that Hugging Face's models give them. */
const ROLES: Readonly<Record<string, Role>> = {
  input_ids: 'ids',
  attention_mask: 'mask',
  input_mask: 'mask',
  token_type_ids: 'types',
  segment_ids: 'types',
  position_ids: 'positions',
};

export interface TokenPorts {
  readonly roles: ReadonlyMap<TensorPort, Role>;
  /** The size of the axis of tokens. */
  readonly length: Size;
  /** Tokens that the model takes. */
  readonly most: number;
}

/** Undefined for a model that takes no tokens: ids are int64 or int32, (length) or (N, length). */
export function tokenPorts({ programs, symbols }: Manifest): TokenPorts | undefined {
  const ports = programs.forward.inputs.filter((port) => port.kind === 'tensor');
  const roles = new Map<TensorPort, Role>();
  for (const port of ports) {
    const role = ROLES[port.name];
    if (role && holdsTokens(port)) roles.set(port, role);
  }
  if (![...roles.values()].includes('ids')) {
    const others = ports.filter((port) => !roles.has(port) && holdsIds(port));
    if (others.length === 1) roles.set(others[0] as TensorPort, 'ids'); // whatever its name
  }
  const ids = [...roles.keys()].find((port) => roles.get(port) === 'ids');
  const length = ids?.shape[ids.shape.length - 1];
  if (!ids || length === undefined || !holdsIds(ids)) return undefined;
  for (const { shape } of roles.keys()) if (shape[shape.length - 1] !== length) return undefined;
  const most = typeof length === 'number' ? length : symbols.find((s) => s.name === length)?.max;
  return most === undefined ? undefined : { roles, length, most };
}

const holdsTokens = ({ shape }: TensorPort) => shape.length === 1 || shape.length === 2;
const holdsIds = (port: TensorPort) => /^int(32|64)$/.test(port.dtype) && holdsTokens(port);

/** The value of an input, the same in every row; what is left after the ids is padding. */
export function tokenValues(
  role: Role,
  ids: readonly number[],
  padding: number,
  shape: readonly number[],
): TensorInput {
  const length = shape[shape.length - 1] as number;
  const at: Readonly<Record<Role, (i: number) => number>> = {
    ids: (i) => ids[i] ?? padding,
    mask: (i) => (i < ids.length ? 1 : 0),
    types: () => 0,
    positions: (i) => i,
  };
  return { data: Array.from({ length: numelOf(shape) }, (_, i) => at[role](i % length)), shape };
}
