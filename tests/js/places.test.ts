// Where files are, from what a user says: `baseUrl`, `files`, and in Node paths.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { node } from '../../js_runtime/src/node.ts';
import { placesOf } from '../../js_runtime/src/places.ts';
import type { LoadOptions } from '../../js_runtime/src/types.ts';
import { throwsCode } from './support.ts';

const assets = {
  'model.json': [new URL('http://a.example/pkg/model.json'), 'hash'],
  'weights-00.bin': new URL('http://a.example/pkg/weights-00.bin'),
} as const;
const places = (options: LoadOptions) => placesOf(node, assets, options);
const at = (options: LoadOptions) => Object.values(places(options)).map((place) => place.at);

test('files lie beside the package, or at baseUrl', () => {
  assert.deepEqual(places({}), {
    'model.json': { at: 'http://a.example/pkg/model.json', sha256: 'hash' },
    'weights-00.bin': { at: 'http://a.example/pkg/weights-00.bin', sha256: undefined },
  });
  for (const baseUrl of ['https://b.example/m', new URL('https://b.example/m/')]) {
    const [manifest, weights] = at({ baseUrl });
    assert.equal(manifest, 'https://b.example/m/model.json');
    assert.equal(weights, 'https://b.example/m/weights-00.bin');
  }
  assert.equal(places({ baseUrl: 'https://b.example/m' })['model.json']?.sha256, 'hash');
});

test('paths are addresses in Node, whatever is in them', () => {
  for (const baseUrl of ['/models/50% #1', 'models/ü?']) {
    const file = pathToFileURL(`${baseUrl}/model.json`).href;
    assert.equal(at({ baseUrl })[0], file);
  }
  const weights = at({ files: { 'weights-00.bin': './w 0.bin' } })[1];
  assert.equal(weights, pathToFileURL('./w 0.bin').href);
});

test('files stand in for those of the package; others are passed over', () => {
  const blob = new Blob(['x']);
  const files = { 'weights-00.bin': blob, 'README.md': blob };
  assert.deepEqual(at({ files, baseUrl: '/m' }), ['file:///m/model.json', blob]);
  const bytes = Uint8Array.of(1, 2, 3, 4);
  for (const given of [bytes, bytes.buffer, new Uint32Array(bytes.buffer)]) {
    assert.deepEqual(at({ files: { 'weights-00.bin': given as Uint8Array } })[1], bytes);
  }
  const place = places({ files: { 'model.json': bytes } })['model.json'];
  assert.deepEqual(place, { at: bytes, sha256: 'hash' }); // checked all the same
});

test('what is no place is refused', () => {
  const files = { 'weights-00.bin': 7 as unknown as Blob };
  throwsCode(() => places({ files }), 'option-invalid', "files['weights-00.bin']", 'a Blob');
  const gone = new ArrayBuffer(8);
  const view = new Uint8Array(gone);
  structuredClone(gone, { transfer: [gone] });
  for (const given of [gone, view]) {
    const at = { 'weights-00.bin': given };
    throwsCode(() => places({ files: at }), 'option-invalid', "files['weights-00.bin']", 'empty');
  }
  throwsCode(() => places({ baseUrl: 'http://' }), 'option-invalid', 'baseUrl', 'http://');
});
