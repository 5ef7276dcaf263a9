// What may be handed to the loader, at random: coded errors or results, never anything else.
// FUZZ_RUNS and FUZZ_SEED: how many of each and from where on (`make fuzz`).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BUILD } from '../../build/generated/build.ts';
import { workerBackend } from '../../js_runtime/src/backend.ts';
import { Budget } from '../../js_runtime/src/budget.ts';
import { Control } from '../../js_runtime/src/control.ts';
import { isWtwError } from '../../js_runtime/src/wtw_error.ts';
import { goldenError, goldenInput } from '../../js_runtime/src/golden.ts';
import type { Instance } from '../../js_runtime/src/instance.ts';
import { type Manifest, parseManifest } from '../../js_runtime/src/manifest.ts';
import type { OpenOptions } from '../../js_runtime/src/open.ts';
import { fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from '../../js_runtime/src/numbers.ts';
import { piecesOf, segmentAt, storedBytes } from '../../js_runtime/src/stored.ts';
import { wireInputs, wireSeed } from '../../js_runtime/src/tensors.ts';
import type { InputValue } from '../../js_runtime/src/types.ts';
import { sampleManifest } from './support.ts';

const { FUZZ_RUNS = '300', FUZZ_SEED = '1' } = process.env;
const SETTINGS = {
  numRuns: Number(FUZZ_RUNS),
  seed: Number(FUZZ_SEED),
  includeErrorInReport: true,
};
const check = <T extends [unknown, ...unknown[]]>(property: fc.IProperty<T>) =>
  fc.assert(property, SETTINGS);
const checkAsync = <T extends [unknown, ...unknown[]]>(property: fc.IAsyncProperty<T>) =>
  fc.assert(property, SETTINGS);

/** Gives the result; nothing where a coded error was thrown. */
function coded<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    assert.ok(isWtwError(error), String((error as Error)?.stack ?? error));
    assert.notEqual(error.slug, 'internal');
    return undefined;
  }
}

const EXTREMES = [0, -0, -1, 2 ** 31, 2 ** 32 - 1, 2 ** 53, 2 ** 63, 0.5, NaN, Infinity];
const TEXTS = ['', '__proto__', 'constructor', '../x', '\0', '\ud800', 'x'.repeat(300)];
const number = fc.oneof(fc.constantFrom(...EXTREMES), fc.integer({ min: -9, max: 99 }));
const text = fc.oneof(fc.constantFrom(...TEXTS), fc.string({ maxLength: 9 }));
const json = fc.oneof(number, text, fc.boolean(), fc.jsonValue({ maxDepth: 2 }));
/** Whatever JavaScript has. */
const anything = fc.oneof(
  json,
  fc.bigInt(),
  fc.constantFrom(undefined, Symbol('s'), () => 1, Object.create(null), new Date(NaN)),
  fc.anything({ withBigInt: true, withTypedArray: true, withNullPrototype: true, maxDepth: 2 }),
);

type Change = readonly [place: number, kind: 'put' | 'remove' | 'copy', value: unknown];
const changes = fc.array(
  fc.tuple(fc.nat(), fc.constantFrom('put' as const, 'remove' as const, 'copy' as const), json),
  { minLength: 1, maxLength: 3 },
);

const GOLDEN = {
  file: 'golden.bin',
  bytes: 128,
  sha256: 'b'.repeat(64),
  cases: [
    {
      inputs: {
        x: { dtype: 'float32', shape: [1, 3], offset: 0, bytes: 12 },
        ids: { dtype: 'int64', shape: [2], random: { seed: 3, low: 0, high: 9 } },
        count: { value: 3 },
        scale: { value: 'nan' },
        flag: { value: true },
      },
      outputs: {
        output: { dtype: 'float32', shape: [3], offset: 64, bytes: 12, max: 1, mean: 0.5 },
        limit: { value: 'inf' },
        length: { value: 3 },
      },
    },
  ],
};

function changedManifest(made: readonly Change[]): unknown {
  const manifest = { ...structuredClone(sampleManifest()), golden: structuredClone(GOLDEN) };
  for (const [place, kind, value] of made) {
    const places = placesOf(manifest);
    const [holder, key] = places[place % places.length] as (typeof places)[number];
    const [other, from] = places[(place >> 8) % places.length] as (typeof places)[number];
    if (kind === 'remove') delete holder[key];
    else holder[key] = kind === 'put' ? value : structuredClone(other[from]);
  }
  return manifest;
}

type Holder = Record<string, unknown>;

function placesOf(item: unknown): [Holder, string][] {
  if (typeof item !== 'object' || item === null) return [];
  const holder = item as Holder;
  return Object.keys(holder).flatMap((key) => [[holder, key], ...placesOf(holder[key])]);
}

test('a manifest is refused by a code, or what it says can be used', () => {
  assert.ok(parseManifest(JSON.stringify(changedManifest([])), 'model.json'));
  check(
    fc.property(changes, (made) => {
      const manifest = coded(() =>
        parseManifest(JSON.stringify(changedManifest(made)), 'model.json'),
      );
      if (manifest?.golden) useGolden(manifest);
    }),
  );
});

function useGolden({ golden, programs }: Manifest): void {
  const data = new ArrayBuffer(golden?.bytes ?? 0);
  const { inputs, outputs } = programs.forward;
  for (const one of golden?.cases ?? []) {
    for (const port of inputs) {
      const wire = goldenInput(port, one.inputs[port.name] as never, data);
      assert.ok('bytes' in wire || 'integer' in wire || 'real' in wire);
    }
    for (const port of outputs) {
      const entry = one.outputs[port.name];
      if (entry === undefined) continue;
      const { passed } = goldenError(port, entry as never, data, 1);
      assert.equal(typeof passed, 'boolean');
    }
  }
}

test('bytes that are no manifest are refused by a code', () =>
  check(
    fc.property(fc.oneof(fc.string(), fc.json(), fc.string({ unit: 'binary' })), (content) => {
      coded(() => parseManifest(content, 'model.json'));
    }),
  ));

test('inputs of any kind are refused by a code, or are bytes of the right number', () => {
  const { programs } = sampleManifest();
  const right = { x: new Float32Array(3), ids: [1, 2], count: 1, scale: 1, flag: true };
  const tensor = fc.record(
    { data: anything, shape: fc.oneof(anything, fc.array(anything)), dtype: anything },
    { requiredKeys: ['data'] },
  );
  const given = fc.tuple(fc.constantFrom(...Object.keys(right)), fc.oneof(anything, tensor));
  check(
    fc.property(fc.array(given, { maxLength: 3 }), (wrong) => {
      const x = { data: right.x, shape: [1, 3] };
      const values = { ...right, x, ...Object.fromEntries(wrong) } as Record<string, InputValue>;
      const wire = coded(() => wireInputs(programs.forward, values));
      for (const [i, one] of (wire ?? []).entries()) {
        if (!('bytes' in one)) continue;
        const size = one.shape.reduce((a, b) => a * b, 1) * (i === 0 ? 4 : 8);
        assert.equal(one.bytes.length, size);
      }
    }),
  );
});

test('any seed is a number of 64 bits, or refused by a code', () =>
  check(
    fc.property(anything, (seed) => {
      const wire = coded(() => wireSeed(seed as number));
      assert.ok(wire === undefined || BigInt.asIntN(64, wire) === wire);
    }),
  ));

/** Weights one behind the other, as writers lay them out. */
const weights = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 300 }), fc.boolean()), { minLength: 1, maxLength: 12 })
  .map((sizes): Manifest['weights'] => {
    let end = 0;
    const tensors = sizes.map(([elements, half], i) => {
      const offset = Math.ceil(end / 64) * 64;
      const bytes = 4 * elements;
      end = offset + (half ? Math.ceil(bytes / 128) * 128 : bytes);
      const storage = half ? { storage: 'float16' as const } : {};
      const fixed = { dtype: 'float32' as const, layout: 'plain' as const };
      return { name: `w${i}`, shape: [elements], offset, bytes, ...fixed, ...storage };
    });
    const given = { bytes: end, tensors, blockBytes: 65536, prepared: { bytes: 0, tensors: [] } };
    const stored = piecesOf({ ...given, shards: [] }).reduce((sum, { bytes }) => sum + bytes, 0);
    return { ...given, shards: [{ file: 'weights-00.bin', bytes: stored, sha256: [] }] };
  });

test('weights are the same in memory however they arrive, and come back as they were', () =>
  check(
    fc.property(
      weights,
      fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }),
      (made, cuts) => {
        const stored = Uint8Array.from({ length: storedBytes(made) }, (_, i) => (i * 37) % 251);
        const whole = written(made, stored, [stored.length]);
        const even = cuts.map((cut) => 2 * cut);
        assert.deepEqual(written(made, stored, even), whole);
        const back = new Uint8Array(stored.length);
        segmentAt(memoryOf(whole), 0, made).read(0, back);
        assert.deepEqual(back, stored);
      },
    ),
  ));

function written(
  made: Manifest['weights'],
  stored: Uint8Array<ArrayBuffer>,
  cuts: readonly number[],
) {
  const memory = new Uint8Array(made.bytes);
  const target = segmentAt(memoryOf(memory), 0, made);
  for (let at = 0, turn = 0; at < stored.length; ++turn) {
    const end = Math.min(stored.length, at + (cuts[turn % cuts.length] as number));
    target.write(at, stored.subarray(at, end));
    at = end;
  }
  return memory;
}

/** An instance whose float32 is the float16's bytes and as many zeros. */
function memoryOf(memory: Uint8Array<ArrayBuffer>): Instance {
  const bytes = (address: number, length: number) => {
    assert.ok(address >= 0 && address + length <= memory.length);
    return memory.subarray(address, address + length);
  };
  return {
    bytes,
    widen(address: number, halves: Uint8Array) {
      const floats = bytes(address, 2 * halves.length);
      halves.forEach((byte, i) => void (floats[2 * (i & ~1) + (i & 1)] = byte));
    },
    narrow(address: number, halves: Uint8Array) {
      const floats = bytes(address, 2 * halves.length);
      halves.forEach((_, i) => void (halves[i] = floats[2 * (i & ~1) + (i & 1)] as number));
    },
  } as unknown as Instance;
}

test('every half becomes a number and itself again', () =>
  check(
    fc.property(fc.integer({ min: 0, max: 0xffff }), (half) => {
      for (const [from, to] of [
        [fromFloat16, toFloat16],
        [fromBfloat16, toBfloat16],
      ] as const) {
        const value = from(half);
        if (!Number.isNaN(value)) assert.equal(to(value), half);
        else assert.ok(Number.isNaN(from(to(value))));
      }
    }),
  ));

test('whatever a worker says, a load and a run end', () => {
  const kinds = fc.constantFrom('alive', 'progress', 'loaded', 'failed', 'reply', 'refused', 'x');
  const message = fc.oneof(
    anything,
    fc.record(
      {
        kind: kinds,
        id: fc.integer({ min: -1, max: 3 }),
        build: fc.constantFrom(BUILD, ''),
        error: json,
        summary: fc.constant({ memory: {}, hasState: false }),
        reply: json,
      },
      { requiredKeys: ['kind'] },
    ),
  );
  return checkAsync(
    fc.asyncProperty(fc.array(message, { maxLength: 6 }), async (messages) => {
      let send: (message: unknown) => void = () => {};
      let die: (reason: string) => void = () => {};
      const port = {
        listen: (received: typeof send, failed: typeof die) => ([send, die] = [received, failed]),
        post: () => {},
        watch: () => {},
        busy: () => {},
        terminate: async () => {},
      };
      const options = { addresses: {}, onProgress: () => {}, control: new Control() };
      const given = options as unknown as OpenOptions;
      const loading = workerBackend(port as never, given, new Budget(1, () => {}));
      const ran = loading.then((backend) => backend.call('run', { inputs: [], keep: false }));
      const ended = ran.then(
        () => true,
        (error) => error instanceof Error,
      );
      send({ kind: 'alive', build: BUILD, lock: undefined });
      for (const one of messages) {
        coded(() => send(one));
        await Promise.resolve();
      }
      die('it ends');
      assert.ok(await ended);
    }),
  );
});
