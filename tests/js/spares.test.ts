// Buffers for the outputs of the next run: made ahead where two runs were alike, each given once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Spares } from '../../js_runtime/src/spares.ts';

const LARGE = 3_000_001; // bytes
const MOST = 32 << 20;

function run(spares: Spares, sizes: readonly number[]): ArrayBuffer[] {
  const buffers = sizes.map((size) => spares.take(size));
  spares.ran();
  return buffers;
}

/** Prepares all there is; gives the steps that it took. */
function prepared(spares: Spares): number {
  let steps = 0;
  while (spares.prepare()) ++steps;
  return steps;
}

/** How many buffers `action` allocates. */
function allocations(action: () => void): number {
  const { ArrayBuffer } = globalThis;
  let count = 0;
  globalThis.ArrayBuffer = class extends ArrayBuffer {
    constructor(bytes: number) {
      super(bytes);
      ++count;
    }
  } as ArrayBufferConstructor;
  try {
    action();
  } finally {
    globalThis.ArrayBuffer = ArrayBuffer;
  }
  return count;
}

test('what two runs have taken is there for the third, and never given twice', () => {
  const spares = new Spares();
  const sizes = [LARGE, 8, LARGE, 100_000];
  const given = run(spares, sizes);
  assert.equal(prepared(spares), 0);
  given.push(...run(spares, sizes));
  assert.equal(
    allocations(() => prepared(spares)),
    3,
  );
  assert.equal(
    allocations(() => given.push(...run(spares, sizes))),
    1,
  );
  assert.deepEqual(
    given.map(({ byteLength }) => byteLength),
    [...sizes, ...sizes, ...sizes],
  );
  assert.equal(new Set(given).size, given.length);
  assert.ok(given.every((buffer) => new Uint8Array(buffer).every((byte) => byte === 0)));
});

test('a run of other sizes ends the preparation', () => {
  const spares = new Spares();
  run(spares, [LARGE]);
  run(spares, [LARGE]);
  assert.ok(spares.prepare());
  run(spares, [LARGE - 1]);
  assert.equal(prepared(spares), 0);
  assert.equal(
    allocations(() => run(spares, [LARGE])),
    1,
  );
});

test('a large buffer is touched in steps, and may be taken before the last', () => {
  const spares = new Spares();
  run(spares, [LARGE]);
  run(spares, [LARGE]);
  assert.ok(prepared(spares) > LARGE / (1 << 20));
  run(spares, [LARGE]);
  assert.ok(spares.prepare());
  assert.equal(
    allocations(() => run(spares, [LARGE])),
    0,
  );
});

test('no more is kept than 32 MiB, and nothing small', () => {
  const spares = new Spares();
  const sizes = [MOST - 100_000, 200_000, 1000];
  run(spares, sizes);
  run(spares, sizes);
  assert.equal(
    allocations(() => prepared(spares)),
    1,
  );
});

test('where there is no memory, nothing is prepared', () => {
  const spares = new Spares();
  run(spares, [LARGE]);
  run(spares, [LARGE]);
  const { ArrayBuffer } = globalThis;
  globalThis.ArrayBuffer = class {
    constructor() {
      throw new RangeError('Array buffer allocation failed');
    }
  } as unknown as ArrayBufferConstructor;
  try {
    assert.equal(prepared(spares), 1);
  } finally {
    globalThis.ArrayBuffer = ArrayBuffer;
  }
  assert.equal(
    allocations(() => run(spares, [LARGE])),
    1,
  );
});
