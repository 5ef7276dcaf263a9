// Sine and cosine of four floats. See core/vmath.h for what all of them promise.
#pragma once

#include <cmath>

#include "core/vmath/constants.h"

namespace wtw::simd {

struct SinConstants {
  Constant limit{1048576.0f};
  // (sin(r) - r) / r^3 and (cos(r) - 1 + r^2 / 2) / r^4 in r^2, for |r| <= pi / 4.
  Constant s0{-0.1666665524f}, s1{8.332155645e-3f}, s2{-1.951463200e-4f};
  Constant c0{0.04166664556f}, c1{-1.388730947e-3f}, c2{2.443241283e-5f};
  Constant minus_half{-0.5f};
};
inline SinConstants kSin;

// Two lanes in double precision: the remainder of x by pi/2; the low half of `shifted` is the
// quotient, exact for |x| < 2^20.
inline v128_t quarter_turns(v128_t x, v128_t& shifted) {
  const v128_t round = wasm_f64x2_splat(6755399441055744.0);  // 1.5 * 2^52
  shifted = wasm_f64x2_add(wasm_f64x2_mul(x, wasm_f64x2_splat(0.6366197723675814)), round);
  v128_t n = wasm_f64x2_sub(shifted, round);
  x = wasm_f64x2_sub(x, wasm_f64x2_mul(n, wasm_f64x2_splat(0x1.921fb544p0)));
  return wasm_f64x2_sub(x, wasm_f64x2_mul(n, wasm_f64x2_splat(0x1.0b4611a626331p-34)));
}

// A function of doubles, lane by lane: where a vector form would not pay.
template <double (*function)(double)>
inline f32x4 lanes(f32x4 x) {
  alignas(16) float v[4];
  store(v, x);
  for (float& lane : v) lane = static_cast<float>(function(lane));
  return load(v);
}

// sin(x + turns pi / 2).
template <int turns, double (*exact)(double)>
inline f32x4 circular(f32x4 x) {
  if (wasm_v128_any_true(wasm_f32x4_gt(abs(x), kSin.limit))) return lanes<exact>(x);
  v128_t low, high;
  v128_t r_low = quarter_turns(wasm_f64x2_promote_low_f32x4(x), low);
  v128_t upper = wasm_i32x4_shuffle(x, x, 2, 3, 2, 3);
  v128_t r_high = quarter_turns(wasm_f64x2_promote_low_f32x4(upper), high);
  f32x4 r = wasm_i64x2_shuffle(wasm_f32x4_demote_f64x2_zero(r_low),
                               wasm_f32x4_demote_f64x2_zero(r_high), 0, 2);
  v128_t quotient = wasm_i32x4_shuffle(low, high, 0, 2, 4, 6);
  quotient = wasm_i32x4_add(quotient, wasm_i32x4_splat(turns));
  f32x4 z = mul(r, r);
  f32x4 s = madd(mul(r, z), polynomial(z, kSin.s0, kSin.s1, kSin.s2), r);
  s = wasm_v128_or(s, wasm_v128_and(r, kCommon.sign_bit));  // of -0
  f32x4 c = madd(z, polynomial(z, kSin.minus_half, kSin.c0, kSin.c1, kSin.c2), kCommon.one);
  v128_t odd = wasm_i32x4_shr(wasm_i32x4_shl(quotient, 31), 31);
  v128_t negative = wasm_i32x4_shl(wasm_u32x4_shr(quotient, 1), 31);
  return wasm_v128_xor(select(odd, c, s), negative);
}

// 1.6 ulp for every x; beyond 2^20 through the C library.
inline f32x4 sin(f32x4 x) { return circular<0, std::sin>(x); }
inline f32x4 cos(f32x4 x) { return circular<1, std::cos>(x); }

}  // namespace wtw::simd
