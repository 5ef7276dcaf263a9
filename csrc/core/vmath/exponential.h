// Exponentials of four floats. See core/vmath.h for what all of them promise.
#pragma once

#include "core/vmath/constants.h"

namespace wtw::simd {

struct ExpConstants {
  Constant log2e{1.44269504f};
  Constant round{12582912.0f};  // 1.5 * 2^23: adding it rounds to an integer in the low bits
  Constant ln2_high{-0.693359375f}, ln2_low{2.12194440e-4f};  // negated; n * ln2_high is exact
  Constant high{89.0f}, low{-87.3365402f}, high2{129.0f}, low2{-126.0f}, low_expm1{-60.0f};
  Constant ln2{0.693147182f};
  // 2 e^r and (e^r - 1 - r) / r^2 for |r| <= ln(2) / 2.
  Constant e0{2.0f}, e1{1.999999404f}, e2{0.9999828934f}, e3{0.3333528042f}, e4{0.08379677684f},
      e5{0.01658045873f};
  Constant m0{0.4999999702f}, m1{0.1666654348f}, m2{0.04166720062f}, m3{8.366580121e-3f},
      m4{1.388250850e-3f};
};
inline ExpConstants kExp;

// 2^(n - 1) from n + 1.5 * 2^23, for -126 <= n <= 128; 0 of -126.
inline f32x4 half_power(f32x4 shifted) {
  return wasm_i32x4_add(wasm_i32x4_shl(shifted, 23), kCommon.half);  // bits: 126 << 23
}

// e^r 2^n: twice e^r times half of 2^n, so that n = 128 overflows only where the product does.
inline f32x4 exp_parts(f32x4 shifted, f32x4 r) {
  f32x4 p = polynomial(r, kExp.e0, kExp.e1, kExp.e2, kExp.e3, kExp.e4, kExp.e5);
  return mul(p, half_power(shifted));
}

// x - n ln(2), n being shifted - 1.5 * 2^23.
inline f32x4 minus_ln2(f32x4 x, f32x4 shifted) {
  f32x4 n = sub(shifted, kExp.round);
  return madd(n, kExp.ln2_low, madd(n, kExp.ln2_high, x));
}

// 3.0 ulp. From -125.5 ln(2) down the power of 2 is 0.
inline f32x4 exp(f32x4 x) {
  x = clamp(x, kExp.low, kExp.high);
  f32x4 shifted = madd(x, kExp.log2e, kExp.round);
  return exp_parts(shifted, minus_ln2(x, shifted));
}

// 3.0 ulp.
inline f32x4 exp2(f32x4 x) {
  x = clamp(x, kExp.low2, kExp.high2);
  f32x4 shifted = add(x, kExp.round);
  return exp_parts(shifted, mul(sub(x, sub(shifted, kExp.round)), kExp.ln2));
}

// e^x - 1 to 1.9 ulp, near 0 too.
inline f32x4 expm1(f32x4 x) {
  f32x4 bounded = clamp(x, kExp.low_expm1, kExp.high);
  f32x4 shifted = madd(bounded, kExp.log2e, kExp.round);
  f32x4 r = minus_ln2(bounded, shifted);
  f32x4 q = polynomial(r, kExp.m0, kExp.m1, kExp.m2, kExp.m3, kExp.m4);
  f32x4 p = madd(mul(r, r), q, r);
  f32x4 scale = half_power(shifted);
  f32x4 y = madd(scale, p, sub(scale, kCommon.half));
  return wasm_v128_or(add(y, y), wasm_v128_and(x, kCommon.sign_bit));
}

}  // namespace wtw::simd
