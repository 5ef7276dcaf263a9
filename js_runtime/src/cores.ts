// How many logical processors there are in, for how many of them a thread of its own pays out.

// The NaN that subtracting infinities makes has its sign set on x86 and clear on ARM (is_x86 in
// csrc/core/simd.h).
function isX86(): boolean {
  const number = Float32Array.of(Infinity);
  number[0] = (number[0] as number) - (number[0] as number);
  return new Uint8Array(number.buffer)[3] === 0xff;
}

/**
 * An estimate of the physical cores. Platforms count logical processors: on x86 two for a core with
 * hyper-threading, which share its arithmetic units, so that a kernel on both gains nothing. None
 * tells whether it has that. From eight on nearly all do; fewer are as likely cores of their own
 * (as virtual machines often have), where half of them would cost half the speed. ARM has none.
 */
export function physicalCores(logical: number, x86 = isX86()): number {
  return x86 && logical >= 8 ? Math.ceil(logical / 2) : logical;
}
