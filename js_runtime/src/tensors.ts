// What a user passes to run() in, wire inputs in the order of the plan out; and outputs back.
import { dtypeRow, numelOf } from './dtypes.ts';
import { told, wtwError } from './errors.ts';
import { toElements } from './elements.ts';
import { checkFinite, checkFiniteNumber } from './invalid.ts';
import type { InputPort, OutputPort, Program } from './manifest.ts';
import { has } from './schema.ts';
import type { WireInput, WireOutput, WireTensor } from './protocol.ts';
import type { InputValue, OnInvalid, OutputValue, TensorInput, TensorOutput } from './types.ts';

type TensorPort = Extract<InputPort, { kind: 'tensor' }>;

/** Throws input-missing, -unknown, -dtype, -shape, -size, -scalar, -not-finite. Bytes are views, not
 * copies. */
export function wireInputs(
  program: Program,
  given: Record<string, InputValue>,
  onInvalid: OnInvalid = 'allow',
): WireInput[] {
  const values: Record<string, InputValue | undefined> = given ?? {};
  const names = program.inputs.map((port) => port.name);
  const inputs = names.join(', ') || 'none';
  const unknown = Object.keys(values).find((name) => !names.includes(name));
  if (unknown !== undefined) throw wtwError('input-unknown', { name: unknown, inputs });
  return program.inputs.map((port) => {
    const value = has(values, port.name) ? values[port.name] : undefined;
    if (value === undefined || value === null) {
      throw wtwError('input-missing', { name: port.name, inputs });
    }
    return port.kind === 'tensor'
      ? wireTensor(port, value, onInvalid)
      : wireNumber(port, value, onInvalid);
  });
}

function wireTensor(port: TensorPort, value: InputValue, onInvalid: OnInvalid): WireInput {
  const { data, shape, dtype } = asTensor(port, value);
  if (dtype !== undefined && dtype !== port.dtype) throw dtypeError(port, told(dtype));
  checkShape(port, shape);
  const elements = toElements(port, data);
  const expected = numelOf(shape) * dtypeRow(port.dtype).parts;
  if (elements.length !== expected) {
    const fields = { given: elements.length, shape: format(shape), expected };
    throw wtwError('input-size', { name: port.name, ...fields });
  }
  if (onInvalid === 'error') checkFinite(port, elements, shape);
  const bytes = new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
  return { bytes, shape: [...shape] };
}

// A bare array takes the shape of the port, if that is static.
function asTensor(port: TensorPort, value: InputValue): TensorInput {
  if (typeof value !== 'object') throw dtypeError(port, typeof value);
  if ('data' in value) return value;
  if (!Array.isArray(value) && !ArrayBuffer.isView(value)) {
    throw dtypeError(port, 'an object without data');
  }
  const shape = port.shape.filter((size): size is number => typeof size === 'number');
  if (shape.length < port.shape.length) throw shapeError(port, 'none (a bare array)');
  return { data: value as TensorInput['data'], shape };
}

function checkShape(port: TensorPort, shape: readonly number[]): void {
  if (!Array.isArray(shape)) throw shapeError(port, told(shape));
  const fits =
    shape.length === port.shape.length &&
    shape.every((size, axis) => {
      const expected = port.shape[axis];
      return (
        Number.isSafeInteger(size) &&
        size >= 0 &&
        (typeof expected === 'string' || size === expected)
      );
    });
  if (!fits) throw shapeError(port, format(shape));
}

function wireNumber(port: InputPort, value: InputValue, onInvalid: OnInvalid): WireInput {
  switch (port.kind) {
    case 'bool':
      if (typeof value === 'boolean') return { integer: value ? 1n : 0n };
      break;
    case 'int':
      if (typeof value === 'bigint' && BigInt.asIntN(64, value) === value)
        return { integer: value };
      if (Number.isSafeInteger(value)) return { integer: BigInt(value as number) };
      break;
    case 'float':
      if (typeof value !== 'number') break;
      if (onInvalid === 'error') checkFiniteNumber(port.name, value);
      return { real: value };
  }
  throw wtwError('input-scalar', { name: port.name, expected: port.kind, given: text(value) });
}

/** Any whole number, modulo 2^64. Throws input-scalar. */
export function wireSeed(seed: number | bigint): bigint {
  if (typeof seed === 'bigint' || Number.isSafeInteger(seed))
    return BigInt.asIntN(64, BigInt(seed));
  throw wtwError('input-scalar', { name: 'seed', expected: 'int', given: text(seed) });
}

/** By name, with the outputs that are the same in every run. */
export function outputsOf(
  program: Program,
  wire: readonly WireOutput[],
): Record<string, OutputValue> {
  const values = wire.values();
  const named = program.outputs.map((port) => {
    const fixed = fixedValue(port);
    const value = fixed ?? (values.next().value as WireOutput);
    return [port.name, typeof value === 'object' ? tensorOf(value) : value] as const;
  });
  return Object.fromEntries(named);
}

/** Those that a run computes, in the order of the plan. */
export function computedOutputs({ outputs }: Program): OutputPort[] {
  return outputs.filter((port) => fixedValue(port) === undefined);
}

/** Whether what a worker has answered is what a run of this program gives. */
export function isAnswer(program: Program, wire: unknown): boolean {
  const ports = computedOutputs(program);
  return (
    Array.isArray(wire) &&
    wire.length === ports.length &&
    ports.every((port, i) => isOutput(port, wire[i]))
  );
}

function isOutput(port: OutputPort, value: unknown): boolean {
  if (port.kind !== 'tensor') return typeof value === (port.kind === 'bool' ? 'boolean' : 'number');
  const { buffer, shape, dtype } = (value ?? {}) as Partial<WireTensor>;
  return (
    dtype === port.dtype &&
    Array.isArray(shape) &&
    buffer?.byteLength === numelOf(shape) * dtypeRow(dtype).bytes
  );
}

export function tensorOf({ buffer, shape, dtype }: WireTensor): TensorOutput {
  return { data: new (dtypeRow(dtype).array)(buffer), shape, dtype };
}

const NOT_IN_JSON: Readonly<Record<string, number>> = {
  nan: NaN,
  inf: Infinity,
  '-inf': -Infinity,
};

/** A number of the manifest: JSON has no NaN and no infinities. */
export function numberOf(value: number | boolean | string): number | boolean {
  return typeof value === 'string' ? (NOT_IN_JSON[value] as number) : value;
}

export function fixedValue(port: OutputPort): number | boolean | undefined {
  return 'value' in port && port.value !== undefined ? numberOf(port.value) : undefined;
}

function dtypeError({ name, dtype }: TensorPort, given: string) {
  return wtwError('input-dtype', { name, given, expected: dtype });
}

function shapeError({ name, shape }: TensorPort, given: string) {
  return wtwError('input-shape', { name, given, expected: format(shape) });
}

const format = (shape: readonly unknown[]) => `[${shape.map(told).join(', ')}]`;
const text = (value: unknown) =>
  typeof value === 'object' ? 'an object' : `${typeof value} ${told(value)}`;
