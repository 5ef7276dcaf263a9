// Sigmoid, tanh, erf and the activations made of them, of four floats. See core/vmath.h for what
// all of them promise.
#pragma once

#include "core/vmath/constants.h"
#include "core/vmath/exponential.h"
#include "core/vmath/logarithm.h"

namespace wtw::simd {

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

// 3.3 ulp.
inline f32x4 sigmoid(f32x4 x) { return div(kCommon.one, one_plus_exp_neg(x)); }

// 3.6 ulp.
inline f32x4 silu(f32x4 x) { return div(x, one_plus_exp_neg(x)); }

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

// x (1 + erf(x / sqrt(2))) / 2, to 2.2e-7 of the larger of 1 and |x|.
inline f32x4 gelu(f32x4 x) {
  f32x4 half = mul(x, kCommon.half);
  return madd(half, erf(mul(x, kActivation.sqrt_half)), half);
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
inline f32x4 log_sigmoid(f32x4 x) { return neg(softplus(neg(x))); }

// x tanh(log(1 + e^x)) = x n / (n + 2), n = e^x (e^x + 2): 6.6 ulp.
inline f32x4 mish(f32x4 x) {
  f32x4 e = exp(at_most(x, kActivation.mish_limit));
  f32x4 n = mul(e, add(e, kCommon.two));
  return mul(x, div(n, add(n, kCommon.two)));
}

}  // namespace wtw::simd
