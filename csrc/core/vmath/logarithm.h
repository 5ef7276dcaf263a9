// Logarithms of four floats. See core/vmath.h for what all of them promise.
#pragma once

#include <cmath>

#include "core/vmath/constants.h"

namespace wtw::simd {

struct LogConstants {
  Constant least_normal{1.17549435e-38f}, two23{8388608.0f}, minus_23{-23.0f};
  Constant minus_half{-0.5f}, minus_infinity{-INFINITY}, sqrt_half{0.707106769f};
  Constant ln2_high{0.693359375f}, ln2_low{-2.12194440e-4f};
  Constant log2e{1.44269504f}, log10e{0.434294482f};
  Constant log10_2_high{0.30078125f}, log10_2_low{2.48745664e-4f};
  // (log(1 + f) - f + f^2 / 2) / f^3 for sqrt(1/2) <= 1 + f <= sqrt(2).
  Constant l0{0.3333390951f}, l1{-0.2500133812f}, l2{0.1996306330f}, l3{-0.1657758504f},
      l4{0.1491476893f}, l5{-0.1426748633f}, l6{0.0870043039f};
};
inline LogConstants kLog;

// x = 2^exponent (1 + f), log(1 + f) = f + rest.
struct LogParts {
  f32x4 exponent, f, rest;
};

// The exponent of a normal x > 0, an integer, for which sqrt(1/2) <= 2^-exponent x <= sqrt(2).
inline v128_t log_exponent(f32x4 x) {
  return wasm_i32x4_shr(wasm_i32x4_sub(x, kLog.sqrt_half), 23);
}

// 2^-exponent x - 1.
inline f32x4 log_fraction(f32x4 x, v128_t exponent) {
  return sub(wasm_i32x4_sub(x, wasm_i32x4_shl(exponent, 23)), kCommon.one);
}

inline LogParts log_series(v128_t exponent, f32x4 f) {
  f32x4 p = polynomial(f, kLog.l0, kLog.l1, kLog.l2, kLog.l3, kLog.l4, kLog.l5, kLog.l6);
  f32x4 rest = mul(mul(f, f), madd(f, p, kLog.minus_half));
  return {wasm_f32x4_convert_i32x4(exponent), f, rest};
}

// Any x > 0, denormal ones too.
inline LogParts log_parts(f32x4 x) {
  f32x4 tiny = wasm_f32x4_lt(x, kLog.least_normal);
  x = select(tiny, mul(x, kLog.two23), x);
  v128_t exponent = log_exponent(x);
  LogParts parts = log_series(exponent, log_fraction(x, exponent));
  parts.exponent = add(parts.exponent, wasm_v128_and(tiny, kLog.minus_23));
  return parts;
}

// u = 1 + x > 0, with what rounding u has lost.
inline LogParts log1p_parts(f32x4 x, f32x4 u) {
  v128_t exponent = log_exponent(u);
  v128_t bounded = wasm_i32x4_min(exponent, wasm_i32x4_splat(126));  // 2^-127 is no normal number
  f32x4 scale = wasm_i32x4_sub(kCommon.one, wasm_i32x4_shl(bounded, 23));
  f32x4 lost = sub(x, sub(u, kCommon.one));
  return log_series(exponent, madd(lost, scale, log_fraction(u, exponent)));
}

// y where 0 < x < infinity, else what a logarithm gives: -infinity, infinity or NaN.
inline f32x4 log_domain(f32x4 x, f32x4 y) {
  f32x4 zero = splat(0);
  f32x4 inside = wasm_v128_and(wasm_f32x4_gt(x, zero), wasm_f32x4_lt(x, kCommon.infinity));
  f32x4 at_zero = wasm_v128_and(wasm_f32x4_eq(x, zero), kLog.minus_infinity);
  f32x4 outside = add(wasm_v128_or(x, wasm_f32x4_lt(x, zero)), at_zero);
  return select(inside, y, outside);
}

inline f32x4 log_sum(const LogParts& parts) {
  f32x4 low = madd(parts.exponent, kLog.ln2_low, parts.rest);
  return madd(parts.exponent, kLog.ln2_high, add(parts.f, low));
}

// 1.2 ulp.
inline f32x4 log(f32x4 x) { return log_domain(x, log_sum(log_parts(x))); }

// log(1 + x) to 1.8 ulp, near 0 too.
inline f32x4 log1p(f32x4 x) {
  f32x4 u = add(x, kCommon.one);
  f32x4 y = log_sum(log1p_parts(x, u));
  f32x4 tiny = wasm_f32x4_lt(abs(x), kLog.least_normal);
  return select(tiny, x, log_domain(u, y));
}

// 2.2 ulp.
inline f32x4 log2(f32x4 x) {
  LogParts parts = log_parts(x);
  return log_domain(x, madd(add(parts.f, parts.rest), kLog.log2e, parts.exponent));
}

// 2.5 ulp.
inline f32x4 log10(f32x4 x) {
  LogParts parts = log_parts(x);
  f32x4 low = mul(add(parts.f, parts.rest), kLog.log10e);
  low = madd(parts.exponent, kLog.log10_2_low, low);
  return log_domain(x, madd(parts.exponent, kLog.log10_2_high, low));
}

}  // namespace wtw::simd
