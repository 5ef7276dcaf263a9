// Nothing in, the GFLOP/s that one thread of this page reaches at best out.
//
// The module is assembled here: a loop over CHAINS independent chains x = x * a + b of four floats,
// which fill the registers and hide the latency of the arithmetic.

const CHAINS = 12;
const FLOPS = CHAINS * 4 * 2;
const V128 = 0x7b;
const [A, B] = [CHAINS + 1, CHAINS + 2]; // locals: the count, the chains, a, b

const get = (local) => [0x20, local];
const set = (local) => [0x21, local];
const size = (n) => (n < 128 ? [n] : [(n & 127) | 128, ...size(n >> 7)]);
const section = (id, bytes) => [id, ...size(bytes.length), ...bytes];
const simd = (opcode) => [0xfd, ...size(opcode)];
const ADD = simd(0xe4);
const splat = (bytes) => [0x43, ...bytes, ...simd(0x13)];

const step = {
  relaxed: (x) => [...get(x), ...get(A), ...get(B), ...simd(0x105), ...set(x)],
  simd128: (x) => [...get(x), ...get(A), ...simd(0xe6), ...get(B), ...ADD, ...set(x)],
};

/** `name` is 'relaxed' (a fused multiply-add) or 'simd128' (a multiplication and an addition). */
function assemble(name) {
  const chains = Array.from({ length: CHAINS }, (_, i) => i + 1);
  const [half, one] = [splat([0, 0, 0, 0x3f]), splat([0, 0, 0x80, 0x3f])];
  const body = [
    ...[1, CHAINS + 2, V128], // one group of locals
    ...[...half, ...set(A), ...one, ...set(B)],
    ...[0x03, 0x40], // loop
    ...chains.flatMap(step[name]),
    ...[...get(0), 0x41, 1, 0x6b, 0x22, 0], // --count
    ...[0x0d, 0, 0x0b], // again while it is not 0
    ...get(1),
    ...chains.slice(1).flatMap((x) => [...get(x), ...ADD]), // their sum
    ...[0xfd, 0x1f, 0, 0x0b], // its first float
  ];
  const code = [...size(body.length), ...body];
  return Uint8Array.of(
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 1, 0x7f, 1, 0x7d]), // (i32) -> f32
    ...section(3, [1, 0]),
    ...section(7, [1, 3, 0x72, 0x75, 0x6e, 0, 0]), // "run"
    ...section(10, [1, ...code]),
  );
}

const ROUND = 1 << 15; // loops of a call, about 50 us
const CALLS = 40;
const MILLISECONDS = 300;

/** The best of many short measurements: what disturbs the machine makes it slower only. */
export async function peak(name) {
  const { instance } = await WebAssembly.instantiate(assemble(name));
  const { run } = instance.exports;
  const end = performance.now() + MILLISECONDS;
  let best = 0;
  while (performance.now() < end) {
    const start = performance.now();
    for (let i = 0; i < CALLS; ++i) run(ROUND);
    const seconds = (performance.now() - start) / 1000;
    best = Math.max(best, (FLOPS * ROUND * CALLS) / seconds / 1e9);
  }
  return best;
}
