// A download whose sources a test plays.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Download } from '../../js_runtime/src/download.ts';
import { Interruption, type Source } from '../../js_runtime/src/platform.ts';
import { partsSource } from '../../js_runtime/src/streams.ts';
import { BLOCK, hash, Heap, rowOf, shards } from './shards.ts';

const content = shards[1];

test('a read that was given up may still write, but not where the next one reads', async () => {
  let lost = new Uint8Array(0);
  const late = async (bytes: Uint8Array) => hash(bytes.slice()).finally(() => lost.fill(255));
  const heap = new Heap(content.length);
  const download = new Download(rowOf('weights', content), new ArrayBuffer(BLOCK), late, heap);
  const silent: Source = {
    start: 0,
    length: content.length,
    read: async (bytes) => {
      lost = bytes;
      throw new Interruption('nothing came');
    },
    cancel: async () => {},
  };
  await assert.rejects(
    download.take(silent, () => {}),
    Interruption,
  );
  const part = (offset: number, length: number) => content.subarray(offset, offset + length);
  await download.take(partsSource(content.length, 0, part), () => {});
  assert.equal(lost.length, BLOCK);
  assert.deepEqual(heap.bytes, content);
});
