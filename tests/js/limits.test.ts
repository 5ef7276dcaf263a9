// Manifests and schemas at the limits, from the table of tests/format/test_limits.py.
import { Ajv2020 } from 'ajv/dist/2020.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ABI, FORMAT } from '../../build/generated/format.ts';
import { parseManifest } from '../../js_runtime/src/manifest.ts';
import { faultOf, type Schema } from '../../js_runtime/src/schema.ts';
import TABLE from '../format/limits.json';
import { throwsCode } from './support.ts';

type Json = Record<string, any>;
interface Case {
  readonly name: string;
  readonly fault: string | null;
  readonly put: Json;
}

/** The manifest of the table with values at some places. */
function manifest(put: Json): string {
  const made: Json = { format: FORMAT, abi: ABI, ...structuredClone(TABLE.manifest) };
  for (const [place, value] of Object.entries(put)) {
    const path = place.split('/');
    const last = path.pop() as string;
    path.reduce((holder: Json, key) => holder[key], made)[last] = value;
  }
  return JSON.stringify(made);
}

for (const { name, fault, put } of TABLE.cases as unknown as Case[]) {
  test(name, () => {
    const parse = () => parseManifest(manifest(put), 'model.json');
    if (fault === null) parse();
    else throwsCode(parse, 'manifest-invalid', `: ${fault}`);
  });
}

for (const { schema, fits, does_not } of TABLE.schemas as {
  schema: Schema;
  fits: unknown[];
  does_not: unknown[];
}[]) {
  test(JSON.stringify(schema), () => {
    const ajv = new Ajv2020({ strict: false, ownProperties: true }).compile(schema);
    for (const data of fits) {
      assert.equal(faultOf(schema, data), undefined, JSON.stringify(data));
      assert.ok(ajv(data), JSON.stringify(data));
    }
    for (const data of does_not) {
      assert.notEqual(faultOf(schema, data), undefined, JSON.stringify(data));
      assert.equal(ajv(data), false, JSON.stringify(data));
    }
  });
}
