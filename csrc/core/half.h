// The 16-bit floats, which are stored only: four at a time to float32 and back.
#pragma once

#include "core/simd.h"

namespace wtw {

// Four float16 or bfloat16, each in the low half of 32 bits, as float32.
inline v128_t from_half(v128_t bits) {
  const v128_t sign = wasm_i32x4_shl(wasm_v128_and(bits, wasm_i32x4_splat(0x8000)), 16);
  const v128_t magnitude = wasm_i32x4_shl(wasm_v128_and(bits, wasm_i32x4_splat(0x7fff)), 13);
  const v128_t special = wasm_i32x4_ge(magnitude, wasm_i32x4_splat(0x7c00 << 13));
  const v128_t value = wasm_f32x4_mul(magnitude, wasm_f32x4_splat(0x1p112f));
  const v128_t infinity = wasm_v128_and(special, wasm_i32x4_splat(0x7f800000));
  return wasm_v128_or(wasm_v128_or(value, infinity), sign);
}

inline v128_t from_bfloat16(v128_t bits) { return wasm_i32x4_shl(bits, 16); }

// Four float32 as float16 or bfloat16 in the low half of 32 bits, the high half 0.
inline v128_t to_half(v128_t x) {
  const v128_t sign = wasm_v128_and(wasm_u32x4_shr(x, 16), wasm_i32x4_splat(0x8000));
  const v128_t u = wasm_v128_and(x, wasm_i32x4_splat(0x7fffffff));
  const v128_t odd = wasm_v128_and(wasm_u32x4_shr(u, 13), wasm_i32x4_splat(1));
  const v128_t rebias = wasm_i32x4_splat(0xfff - (112 << 23));
  const v128_t normal = wasm_u32x4_shr(wasm_i32x4_add(wasm_i32x4_add(u, rebias), odd), 13);
  // Adding 0.5 leaves multiples of 2^-24, the step of denormal halves, in the low bits.
  const v128_t half = wasm_f32x4_splat(0.5f);
  const v128_t denormal = wasm_i32x4_sub(wasm_f32x4_add(u, half), half);
  const v128_t nan =
      wasm_v128_and(wasm_i32x4_gt(u, wasm_i32x4_splat(0x7f800000)), wasm_i32x4_splat(0x200));
  const v128_t special = wasm_v128_or(wasm_i32x4_splat(0x7c00), nan);
  v128_t y = wasm_v128_bitselect(denormal, normal, wasm_i32x4_lt(u, wasm_i32x4_splat(0x38800000)));
  y = wasm_v128_bitselect(special, y, wasm_i32x4_ge(u, wasm_i32x4_splat(0x47800000)));
  return wasm_v128_or(y, sign);
}

inline v128_t to_bfloat16(v128_t x) {
  const v128_t odd = wasm_v128_and(wasm_u32x4_shr(x, 16), wasm_i32x4_splat(1));
  const v128_t rounded = wasm_i32x4_add(wasm_i32x4_add(x, wasm_i32x4_splat(0x7fff)), odd);
  const v128_t y = wasm_u32x4_shr(rounded, 16);
  return wasm_v128_bitselect(y, wasm_i32x4_splat(0x7fc0), wasm_f32x4_eq(x, x));
}

}  // namespace wtw
