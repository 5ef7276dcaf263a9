// Sigmoid, tanh, erf and the activations made of them, of four floats. See core/vmath.h for what
// all of them promise.
#pragma once

#include "core/vmath/constants.h"
#include "core/vmath/exponential.h"
#include "core/vmath/logarithm.h"

namespace wtw::simd {

struct ActivationConstants {
  Constant minus_two{-2.0f}, minus_one{-1.0f}, three{3.0f}, six{6.0f}, sixth{1.0f / 6.0f};
  Constant sigmoid_low{-89.0f}, sigmoid_high{87.0f}, t2{0.16666584f}, t4{-2.763907e-3f};
  // gelu(x) = x (1 / 2 + h), h = x p / q in x^2, for |x| <= 5.4.
  Constant minus_half{-0.5f}, gelu_limit{5.4f * 5.4f};
  Constant u0{0.3989422024f}, u1{0.03356028721f}, u2{4.662944469e-3f}, u3{1.663523144e-4f},
      u4{6.384625522e-6f}, u5{2.329829485e-8f};
  Constant v1{0.2507888675f}, v2{0.02848797292f}, v3{1.870219246e-3f}, v4{7.311346417e-5f},
      v5{1.215881298e-6f};
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

// 2.5 ulp. e^-x = 2^n e^-r with |r| <= ln(2) / 2, and e^-r = (t - r) / (t + r) for t = r coth(r/2),
// which is even and nearly constant. Where x is bounded, 2^n is infinite or vanishes beside 1.
inline f32x4 sigmoid(f32x4 x) {
  const ActivationConstants& k = kActivation;
  x = clamp(x, k.sigmoid_low, k.sigmoid_high);
  f32x4 shifted = nmadd(x, kExp.log2e, kExp.round);
  f32x4 n = sub(shifted, kExp.round);
  f32x4 r = nmadd(n, kExp.ln2_low, nmadd(n, kExp.ln2_high, x));
  f32x4 z = mul(r, r);
  f32x4 t = madd(madd(z, k.t4, k.t2), z, kCommon.two);
  f32x4 sum = add(t, r);
  f32x4 power = wasm_i32x4_add(wasm_i32x4_shl(shifted, 23), kCommon.one);  // bits: 127 << 23
  return div(sum, madd(sub(t, r), power, sum));
}

// 3.3 ulp.
inline f32x4 silu(f32x4 x) { return mul(x, sigmoid(x)); }

// -t / (2 + t), t = e^(-2 |x|) - 1: 2.5 ulp.
inline f32x4 tanh(f32x4 x) {
  f32x4 t = expm1(mul(abs(x), kActivation.minus_two));
  return copysign(div(t, add(kCommon.two, t)), x);
}

// 6.3 ulp. At the limits p / q reaches 1, so that larger arguments give exactly 1.
inline f32x4 erf(f32x4 x) {
  const ActivationConstants& k = kActivation;
  x = clamp(x, k.erf_low, k.erf_limit);
  f32x4 z = mul(x, x);
  f32x4 p = polynomial(z, k.p0, k.p1, k.p2, k.p3, k.p4, k.p5);
  f32x4 q = polynomial(z, kCommon.one, k.q1, k.q2, k.q3, k.q4, k.q5);
  return clamp(div(mul(x, p), q), k.minus_one, kCommon.one);
}

// x (1 + erf(x / sqrt(2))) / 2, to 2.2e-7 of the larger of 1 and |x|. Beyond the limit h grows with
// x, so that it is clamped to exactly 1 / 2.
inline f32x4 gelu(f32x4 x) {
  const ActivationConstants& k = kActivation;
  f32x4 z = at_most(mul(x, x), k.gelu_limit);
  f32x4 p = polynomial(z, k.u0, k.u1, k.u2, k.u3, k.u4, k.u5);
  f32x4 q = polynomial(z, kCommon.one, k.v1, k.v2, k.v3, k.v4, k.v5);
  f32x4 h = clamp(div(mul(x, p), q), k.minus_half, kCommon.half);
  return mul(x, add(h, kCommon.half));
}

// x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2, to 1.2e-7 of the larger of 1 and |x|.
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

// log(1 + e^x): 3.2 ulp.
inline f32x4 softplus(f32x4 x) {
  f32x4 e = exp(neg(abs(x)));  // between 0 and 1: no case of log1p is special
  return add(relu(x), log_sum(log1p_parts(e, add(e, kCommon.one))));
}

// log(1 / (1 + e^-x)): 3.3 ulp.
inline f32x4 log_sigmoid(f32x4 x) { return sub(splat(0), softplus(neg(x))); }

// x tanh(log(1 + e^x)) = x n / (n + 2), n = e^x (e^x + 2): 6.6 ulp.
inline f32x4 mish(f32x4 x) {
  f32x4 e = exp(at_most(x, kActivation.mish_limit));
  f32x4 n = mul(e, add(e, kCommon.two));
  return mul(x, div(n, add(n, kCommon.two)));
}

}  // namespace wtw::simd
