// Shards in which some weights are float16: where their bytes go in memory, and back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Instance } from '../../js_runtime/src/instance.ts';
import { type Manifest, parseManifest } from '../../js_runtime/src/manifest.ts';
import { piecesOf, segmentAt, storedBytes } from '../../js_runtime/src/stored.ts';
import { HASH, sampleManifest, throwsCode } from './support.ts';

type Weights = Manifest['weights'];

const ADDRESS = 192;
const weight = (offset: number, bytes: number, half = true) => ({
  name: 'w',
  dtype: 'float32' as const,
  shape: [bytes / 4],
  layout: 'plain' as const,
  offset,
  bytes,
  ...(half && { storage: 'float16' as const }),
});

/** In memory: plain to 128, float16 to 256 and to 640, plain to 1024, float16 to 1152. */
const WEIGHTS: Weights = {
  bytes: 1152,
  blockBytes: 65536,
  shards: [{ file: 'weights-00.bin', bytes: 832, sha256: [HASH] }],
  tensors: [
    weight(0, 128, false),
    weight(128, 64),
    weight(256, 384),
    weight(640, 384, false),
    weight(1024, 4),
  ],
  prepared: { bytes: 0, tensors: [] },
};

/** An instance whose float32 is the float16's bytes twice over. */
function instanceOf(memory: Uint8Array): Instance {
  const bytes = (address: number, length: number) => memory.subarray(address, address + length);
  return {
    bytes,
    widen(address: number, halves: Uint8Array) {
      for (let i = 0; i < halves.length; i += 2) {
        memory.set(halves.subarray(i, i + 2), address + 2 * i);
        memory.set(halves.subarray(i, i + 2), address + 2 * i + 2);
      }
    },
    narrow(address: number, halves: Uint8Array) {
      for (let i = 0; i < halves.length; ++i) {
        halves[i] = memory[address + 2 * (i & ~1) + (i & 1)] as number;
      }
    },
  } as unknown as Instance;
}

test('the pieces follow each other in the shards and in memory', () => {
  assert.deepEqual(piecesOf(WEIGHTS), [
    { stored: 0, place: 0, bytes: 128, half: false },
    { stored: 128, place: 128, bytes: 64, half: true },
    { stored: 192, place: 256, bytes: 192, half: true },
    { stored: 384, place: 640, bytes: 384, half: false },
    { stored: 768, place: 1024, bytes: 64, half: true },
  ]);
  const plain = { ...WEIGHTS, tensors: [weight(0, 64, false)] };
  assert.deepEqual(piecesOf(plain), [{ stored: 0, place: 0, bytes: 1152, half: false }]);
  assert.deepEqual(piecesOf({ ...plain, bytes: 0, tensors: [] }), []);
});

for (const size of [64, 192, 320, 832]) {
  test(`blocks of ${size} bytes are expanded into memory, and read back`, () => {
    const shards = Uint8Array.from({ length: 832 }, (_, i) => (i * 7 + (i >> 8)) % 251);
    const memory = new Uint8Array(ADDRESS + WEIGHTS.bytes + 64);
    const target = segmentAt(instanceOf(memory), ADDRESS, WEIGHTS);
    for (let offset = 0; offset < shards.length; offset += size) {
      target.write(offset, shards.slice(offset, offset + size));
    }
    const at = (place: number, length: number) => memory.slice(ADDRESS + place).subarray(0, length);
    assert.deepEqual(at(0, 128), shards.slice(0, 128));
    assert.deepEqual(at(640, 384), shards.slice(384, 768));
    const [a, b] = [shards[190], shards[191]];
    assert.deepEqual([...at(252, 4)], [a, b, a, b]);
    assert.deepEqual([...at(1152, 64)], Array(64).fill(0));
    for (let offset = 0; offset < shards.length; offset += size) {
      const part = shards.slice(offset, offset + size);
      const back = new Uint8Array(part.length);
      target.read(offset, back);
      assert.deepEqual(back, part);
    }
  });
}

test('what does not fit the shards is refused', () => {
  const parse = (weights: Weights) =>
    parseManifest(JSON.stringify({ ...sampleManifest(), weights }), 'model.json');
  assert.equal(storedBytes(parse(WEIGHTS).weights), 832);
  const refused = (tensors: Weights['tensors'], reason: string) =>
    throwsCode(() => parse({ ...WEIGHTS, tensors }), 'manifest-invalid', reason);
  refused(WEIGHTS.tensors.slice(0, 3), 'add up');
  refused(WEIGHTS.tensors.slice(1), 'does not begin where');
  refused([weight(0, 256), weight(128, 128)], 'does not begin where');
  refused([weight(0, 64), weight(192, 64)], 'does not begin where');
  refused([weight(0, 2048)], 'beyond the weights');
});
