// Functions of four floats: exponentials, logarithms, sine and cosine, and the activations made of
// them.
//
// Every function takes and gives f32x4. NaN stays NaN; infinities, zeros and denormal arguments
// give what PyTorch gives, except that exponentials below 2^-125 become 0. The errors stated are
// the largest seen over dense sweeps of the whole range, in units in the last place, with and
// without fused multiply-add. Coefficients are minimax fits of relative error.
#pragma once

#include <cmath>

#include "core/simd.h"

namespace wtw::simd {

// A number in all four lanes, in memory. The tables below are variables on purpose: of a constant
// LLVM makes v128.const, which V8 rebuilds at every use; a load from a fixed address is free.
struct Constant {
  alignas(16) float lanes[4];
  constexpr Constant(float x) : lanes{x, x, x, x} {}
  operator f32x4() const { return load(lanes); }
};

// c0 + x (c1 + x (c2 + ...)).
inline f32x4 polynomial(f32x4, const Constant& c0) { return c0; }
template <class... Rest>
inline f32x4 polynomial(f32x4 x, const Constant& c0, const Rest&... rest) {
  return madd(polynomial(x, rest...), x, c0);
}

inline f32x4 neg(f32x4 x) { return wasm_f32x4_neg(x); }
inline f32x4 abs(f32x4 x) { return wasm_f32x4_abs(x); }
inline f32x4 sqrt(f32x4 x) { return wasm_f32x4_sqrt(x); }

// The smaller of x and the bound, the larger of x and the bound; NaN in x stays.
inline f32x4 at_most(f32x4 x, f32x4 bound) { return wasm_f32x4_pmin(x, bound); }
inline f32x4 at_least(f32x4 x, f32x4 bound) { return wasm_f32x4_pmax(x, bound); }
inline f32x4 clamp(f32x4 x, f32x4 low, f32x4 high) { return at_most(at_least(x, low), high); }

struct CommonConstants {
  Constant half{0.5f}, one{1.0f}, two{2.0f}, infinity{INFINITY}, sign_bit{-0.0f};
};
inline CommonConstants kCommon;

// |magnitude| with the sign bit of `sign`.
inline f32x4 copysign(f32x4 magnitude, f32x4 sign) {
  return wasm_v128_bitselect(sign, magnitude, kCommon.sign_bit);
}

// ---- exponentials ----

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

// 2^(n - 1) from n + 1.5 * 2^23, for -126 < n <= 128.
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

// 2.3 ulp.
inline f32x4 exp(f32x4 x) {
  x = at_most(x, kExp.high);
  f32x4 shifted = madd(x, kExp.log2e, kExp.round);
  f32x4 y = exp_parts(shifted, minus_ln2(x, shifted));
  return wasm_v128_andnot(y, wasm_f32x4_lt(x, kExp.low));
}

// 2.2 ulp.
inline f32x4 exp2(f32x4 x) {
  x = at_most(x, kExp.high2);
  f32x4 shifted = add(x, kExp.round);
  f32x4 r = mul(sub(x, sub(shifted, kExp.round)), kExp.ln2);
  return wasm_v128_andnot(exp_parts(shifted, r), wasm_f32x4_lt(x, kExp.low2));
}

// e^x - 1 to 1.7 ulp, near 0 too.
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

// ---- logarithms ----

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

// ---- circular functions ----

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
  f32x4 c = madd(z, polynomial(z, kSin.minus_half, kSin.c0, kSin.c1, kSin.c2), kCommon.one);
  v128_t odd = wasm_i32x4_shr(wasm_i32x4_shl(quotient, 31), 31);
  v128_t negative = wasm_i32x4_shl(wasm_u32x4_shr(quotient, 1), 31);
  return wasm_v128_xor(select(odd, c, s), negative);
}

// 1.5 ulp for every x; beyond 2^20 through the C library.
inline f32x4 sin(f32x4 x) { return circular<0, std::sin>(x); }
inline f32x4 cos(f32x4 x) { return circular<1, std::cos>(x); }

// ---- sigmoid, tanh, erf and what is made of them ----

struct ActivationConstants {
  Constant minus_two{-2.0f}, minus_one{-1.0f}, three{3.0f}, six{6.0f}, sixth{1.0f / 6.0f};
  Constant sqrt_half{0.707106769f};
  // gelu_tanh: tanh(z) = 2 sigmoid(2 z) - 1 with z = sqrt(2 / pi) (x + 0.044715 x^3).
  Constant gelu1{-1.59576917f}, gelu3{-0.0713548139f};
  Constant mish_limit{20.0f};
  // erf(x) / x as p / q in x^2, for |x| <= 4.
  Constant erf_limit{4.0f}, erf_low{-4.0f};
  Constant p0{1.128379146f}, p1{0.1905945900f}, p2{0.05276942298f}, p3{3.772590015e-3f},
      p4{2.848450749e-4f}, p5{2.046028969e-6f};
  Constant q1{0.5022427878f}, q2{0.1141830795f}, q3{0.01498327714f}, q4{1.163868675e-3f},
      q5{3.804787314e-5f};
};
inline ActivationConstants kActivation;

// 3.5 ulp.
inline f32x4 sigmoid(f32x4 x) { return div(kCommon.one, add(kCommon.one, exp(neg(x)))); }

// 3.6 ulp.
inline f32x4 silu(f32x4 x) { return div(x, add(kCommon.one, exp(neg(x)))); }

// -t / (2 + t), t = e^(-2 |x|) - 1: 2.5 ulp.
inline f32x4 tanh(f32x4 x) {
  f32x4 t = expm1(mul(abs(x), kActivation.minus_two));
  return copysign(div(t, add(kCommon.two, t)), x);
}

// 6.6 ulp. At the limits p / q reaches 1, so that larger arguments give exactly 1.
inline f32x4 erf(f32x4 x) {
  const ActivationConstants& k = kActivation;
  x = clamp(x, k.erf_low, k.erf_limit);
  f32x4 z = mul(x, x);
  f32x4 p = polynomial(z, k.p0, k.p1, k.p2, k.p3, k.p4, k.p5);
  f32x4 q = polynomial(z, kCommon.one, k.q1, k.q2, k.q3, k.q4, k.q5);
  return clamp(div(mul(x, p), q), k.minus_one, kCommon.one);
}

// x (1 + erf(x / sqrt(2))) / 2, to 2.4e-7 of the larger of 1 and |x|.
inline f32x4 gelu(f32x4 x) {
  f32x4 half = mul(x, kCommon.half);
  return madd(half, erf(mul(x, kActivation.sqrt_half)), half);
}

// x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2, to 1.5e-7 of the larger of 1 and |x|.
inline f32x4 gelu_tanh(f32x4 x) {
  f32x4 slope = madd(mul(x, x), kActivation.gelu3, kActivation.gelu1);
  return div(x, add(kCommon.one, exp(mul(x, slope))));
}

inline f32x4 relu(f32x4 x) { return at_least(x, splat(0)); }

inline f32x4 relu6(f32x4 x) { return at_most(relu(x), kActivation.six); }

inline f32x4 hardsigmoid(f32x4 x) {
  return mul(relu6(add(x, kActivation.three)), kActivation.sixth);
}

inline f32x4 hardswish(f32x4 x) {
  return mul(mul(x, relu6(add(x, kActivation.three))), kActivation.sixth);
}

// log(1 + e^x): 2.8 ulp.
inline f32x4 softplus(f32x4 x) {
  f32x4 e = exp(neg(abs(x)));  // between 0 and 1: no case of log1p is special
  return add(relu(x), log_sum(log1p_parts(e, add(e, kCommon.one))));
}

// log(1 / (1 + e^-x)): 2.8 ulp.
inline f32x4 log_sigmoid(f32x4 x) { return neg(softplus(neg(x))); }

// x tanh(log(1 + e^x)) = x n / (n + 2), n = e^x (e^x + 2): 5.2 ulp.
inline f32x4 mish(f32x4 x) {
  f32x4 e = exp(at_most(x, kActivation.mish_limit));
  f32x4 n = mul(e, add(e, kCommon.two));
  return mul(x, div(n, add(n, kCommon.two)));
}

}  // namespace wtw::simd
