// model.json: what is accepted, and that our validator agrees with ajv.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { MAX_BYTES, parseManifest, readManifest } from '../../js_runtime/src/manifest.ts';
import { faultOf } from '../../js_runtime/src/schema.ts';
import SCHEMA from '../../wasm_torch_web/format/manifest.schema.json';
import { sampleManifest, throwsCode } from './support.ts';

type Json = Record<string, any>;
type Change = readonly [what: string, change: (manifest: Json) => void, fault: string];

const INVALID: readonly Change[] = [
  ['an unknown key', (m) => (m.extra = 1), ': unknown extra'],
  ['a missing key', (m) => delete m.plan, ': plan is missing'],
  ['a wrong type', (m) => (m.parameters = '3'), '/parameters: string instead of integer'],
  ['a fraction', (m) => (m.parameters = 1.5), '/parameters: number instead of integer'],
  ['a negative count', (m) => (m.weights.bytes = -1), '/weights/bytes: less than 0'],
  ['a path as a file', (m) => (m.plan.file = '../plan.bin'), '/plan/file: not ^[A-Za-z0-9]'],
  ['a short hash', (m) => (m.plan.sha256 = 'ab'), '/plan/sha256: not ^[0-9a-f]{64}$'],
  ['an odd block', (m) => (m.weights.blockBytes = 65537), '/weights/blockBytes: no multiple of 64'],
  [
    'a big shard',
    (m) => (m.weights.shards[0].bytes = 2 ** 25),
    '/weights/shards/0/bytes: more than',
  ],
  [
    'nine axes',
    (m) => (m.programs.forward.inputs[0].shape = Array(9).fill(1)),
    'fits 0 of 2 forms',
  ],
  ['an unknown dtype', (m) => (m.programs.forward.inputs[0].dtype = 'float8'), 'fits 0 of 2 forms'],
  ['no forward', (m) => delete m.programs.forward, '/programs: forward is missing'],
  [
    'a hostile name',
    (m) => (m.programs.forward.outputs[0].name = '__proto__'),
    'fits 0 of 2 forms',
  ],
  ['an unknown layout', (m) => (m.weights.tensors[0].layout = 'panel4'), 'none of plain, panel8'],
  ['an empty golden', (m) => (m.golden = {}), '/golden: fits 0 of 2 forms'],
  ['a long name', (m) => (m.name = 'a'.repeat(215)), '/name: longer than 214'],
  ['a control character', (m) => (m.graph.values[0].name = 'a\nb'), '/graph/values/0/name: not'],
  ['a wrong range', (m) => (m.programs.forward.inputs[1].range = [1]), 'fits 0 of 2 forms'],
  ['null', (m) => (m.graph = null), '/graph: null instead of object'],
];

function changed(change: (manifest: Json) => void): Json {
  const manifest = structuredClone(sampleManifest()) as Json;
  change(manifest);
  return manifest;
}

const ajv = new Ajv2020({ strict: true, strictTypes: false }).compile(SCHEMA);

test('a valid manifest is accepted', () => {
  assert.equal(faultOf(SCHEMA, sampleManifest()), undefined);
  assert.ok(ajv(sampleManifest()));
  assert.deepEqual(parseManifest(JSON.stringify(sampleManifest()), 'model.json'), sampleManifest());
});

for (const [what, change, fault] of INVALID) {
  test(`${what} is refused, by ajv too`, () => {
    const manifest = changed(change);
    assert.ok(faultOf(SCHEMA, manifest)?.includes(fault), faultOf(SCHEMA, manifest));
    assert.equal(ajv(manifest), false);
    throwsCode(
      () => parseManifest(JSON.stringify(manifest), 'model.json'),
      'manifest-invalid',
      fault,
    );
  });
}

test('every keyword of the schema is one that we know', () => {
  const keywords = new Set<string>();
  const visit = (schema: Json) => {
    for (const [keyword, value] of Object.entries(schema)) {
      keywords.add(keyword);
      if (['properties', '$defs'].includes(keyword)) Object.values(value as Json).forEach(visit);
      else if (keyword === 'oneOf') (value as Json[]).forEach(visit);
      else if (typeof value === 'object' && !Array.isArray(value)) visit(value);
    }
  };
  visit(SCHEMA);
  const silent = ['$schema', '$defs', '$ref', 'title', 'description', 'additionalProperties'];
  for (const keyword of silent) keywords.delete(keyword);
  const known = [
    'type',
    'const',
    'enum',
    'minimum',
    'maximum',
    'multipleOf',
    'minLength',
    'maxLength',
    'pattern',
    'minItems',
    'maxItems',
    'items',
    'required',
    'maxProperties',
    'propertyNames',
    'properties',
    'oneOf',
  ];
  assert.deepEqual(
    [...keywords].filter((keyword) => !known.includes(keyword)),
    [],
  );
});

test('what a schema cannot say is checked too', () => {
  const parse = (change: (m: Json) => void) => () =>
    parseManifest(JSON.stringify(changed(change)), 'model.json');
  throwsCode(
    parse((m) => (m.weights.bytes = 64)),
    'manifest-invalid',
    'do not add up',
  );
  throwsCode(
    parse((m) => m.weights.shards[0].sha256.pop()),
    'manifest-invalid',
    'one hash for each',
  );
  throwsCode(
    parse((m) => (m.format = 9)),
    'manifest-invalid',
    'format 9',
  );
  throwsCode(
    parse((m) => (m.abi = 1)),
    'abi-mismatch',
    'ABI 1',
  );
  throwsCode(() => parseManifest('null', 'model.json'), 'manifest-invalid', 'format undefined');
  throwsCode(() => parseManifest('<!doctype html>', 'model.json'), 'manifest-invalid', '<!doctype');
});

test('bytes are UTF-8, and not too many', () => {
  const read = (bytes: Uint8Array) => () => readManifest(bytes, 'model.json');
  const text = JSON.stringify(sampleManifest());
  assert.deepEqual(read(new TextEncoder().encode(text))(), sampleManifest());
  const most = new Uint8Array(2 ** 25).fill(0x20);
  most.set(new TextEncoder().encode(text));
  assert.deepEqual(read(most)(), sampleManifest());
  throwsCode(read(Uint8Array.of(0x22, 0xe9, 0x22)), 'manifest-invalid', 'not UTF-8');
  throwsCode(read(new Uint8Array(MAX_BYTES + 1)), 'manifest-invalid', `larger than ${MAX_BYTES}`);
});
