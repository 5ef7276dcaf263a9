// One vocabulary for four floats, a double and an int64, in which operators are written once.
//
// Comparisons give masks, for select() and number(). Integers wrap; their division by zero, which
// PyTorch refuses, gives 0.
#pragma once

#include <cmath>
#include <cstdint>
#include <type_traits>

#include "core/vmath.h"

namespace wtw::pointwise {

using simd::f32x4;

// x in every lane; what an int64 cannot hold becomes the nearest that it can.
template <class V>
V constant(double x) {
  if constexpr (std::is_same_v<V, int64_t>) {
    return x >= 0x1p63 ? INT64_MAX : x > -0x1p63 ? static_cast<int64_t>(x) : INT64_MIN;
  } else if constexpr (std::is_same_v<V, double>) {
    return x;
  } else {
    return simd::splat(static_cast<float>(x));
  }
}

// ---- arithmetic ----

using simd::abs, simd::add, simd::copysign, simd::div, simd::mul, simd::neg, simd::sqrt, simd::sub;
using std::copysign, std::sqrt;

inline double add(double a, double b) { return a + b; }
inline double sub(double a, double b) { return a - b; }
inline double mul(double a, double b) { return a * b; }
inline double div(double a, double b) { return a / b; }
inline double neg(double x) { return -x; }
inline double abs(double x) { return std::fabs(x); }

inline int64_t wrap(uint64_t x) { return static_cast<int64_t>(x); }
inline int64_t add(int64_t a, int64_t b) { return wrap(uint64_t(a) + uint64_t(b)); }
inline int64_t sub(int64_t a, int64_t b) { return wrap(uint64_t(a) - uint64_t(b)); }
inline int64_t mul(int64_t a, int64_t b) { return wrap(uint64_t(a) * uint64_t(b)); }
inline int64_t neg(int64_t x) { return sub(0, x); }
inline int64_t abs(int64_t x) { return x < 0 ? neg(x) : x; }

// ---- comparisons ----

inline f32x4 eq(f32x4 a, f32x4 b) { return wasm_f32x4_eq(a, b); }
inline f32x4 ne(f32x4 a, f32x4 b) { return wasm_f32x4_ne(a, b); }
inline f32x4 lt(f32x4 a, f32x4 b) { return wasm_f32x4_lt(a, b); }
inline f32x4 le(f32x4 a, f32x4 b) { return wasm_f32x4_le(a, b); }
inline f32x4 both(f32x4 a, f32x4 b) { return wasm_v128_and(a, b); }
inline f32x4 either(f32x4 a, f32x4 b) { return wasm_v128_or(a, b); }
inline f32x4 differ(f32x4 a, f32x4 b) { return wasm_v128_xor(a, b); }
using simd::select;

template <class T>
concept Scalar = std::is_arithmetic_v<T>;
template <Scalar T>
bool eq(T a, T b) {
  return a == b;
}
template <Scalar T>
bool ne(T a, T b) {
  return a != b;
}
template <Scalar T>
bool lt(T a, T b) {
  return a < b;
}
template <Scalar T>
bool le(T a, T b) {
  return a <= b;
}
template <Scalar T>
T select(bool mask, T a, T b) {
  return mask ? a : b;
}
inline bool both(bool a, bool b) { return a && b; }
inline bool either(bool a, bool b) { return a || b; }
inline bool differ(bool a, bool b) { return a != b; }

// 1 where the mask holds, else 0.
template <class V, class Mask>
V number(Mask mask) {
  return select(mask, constant<V>(1), constant<V>(0));
}

// Whether x is not 0 (NaN is not).
template <class V>
auto truth(V x) {
  return ne(x, constant<V>(0));
}

// ---- smaller and larger; NaN in either operand gives NaN ----

inline f32x4 maximum(f32x4 a, f32x4 b) { return wasm_f32x4_max(a, b); }
inline f32x4 minimum(f32x4 a, f32x4 b) { return wasm_f32x4_min(a, b); }
template <Scalar T>
T maximum(T a, T b) {
  return a != a || a > b ? a : b;
}
template <Scalar T>
T minimum(T a, T b) {
  return a != a || a < b ? a : b;
}

// NaN in x stays.
using simd::clamp, simd::relu;
template <Scalar T>
T clamp(T x, T low, T high) {
  x = x < low ? low : x;
  return high < x ? high : x;
}
template <Scalar T>
T relu(T x) {
  return x < 0 ? 0 : x;
}

// ---- rounding ----

inline f32x4 floor(f32x4 x) { return wasm_f32x4_floor(x); }
inline f32x4 ceil(f32x4 x) { return wasm_f32x4_ceil(x); }
inline f32x4 trunc(f32x4 x) { return wasm_f32x4_trunc(x); }
inline f32x4 rint(f32x4 x) { return wasm_f32x4_nearest(x); }
using std::ceil, std::floor, std::rint, std::trunc;

// ---- division to whole numbers ----

inline double fmod(double a, double b) { return std::fmod(a, b); }
// The remainder with the sign of the divisor.
inline double remainder(double a, double b) {
  const double rest = std::fmod(a, b);
  return rest != 0 && (b < 0) != (rest < 0) ? rest + b : rest;
}
inline double div_trunc(double a, double b) { return std::trunc(a / b); }
// a / b rounded down: exact also where the quotient itself would round up to the next integer.
inline double div_floor(double a, double b) {
  if (b == 0) return a / b;
  const double rest = std::fmod(a, b);
  const bool below = rest != 0 && (b < 0) != (rest < 0);
  const double quotient = (a - rest) / b - below;
  return quotient == 0 ? std::copysign(0.0, a / b) : std::rint(quotient);
}

inline f32x4 div_trunc(f32x4 a, f32x4 b) { return trunc(div(a, b)); }

inline int64_t div_trunc(int64_t a, int64_t b) { return b == 0 ? 0 : b == -1 ? neg(a) : a / b; }
inline int64_t fmod(int64_t a, int64_t b) { return b == 0 || b == -1 ? 0 : a % b; }
inline int64_t remainder(int64_t a, int64_t b) {
  const int64_t rest = fmod(a, b);
  return rest != 0 && (b < 0) != (rest < 0) ? rest + b : rest;
}
inline int64_t div_floor(int64_t a, int64_t b) {
  const bool inexact = fmod(a, b) != 0 && (a < 0) != (b < 0);
  return div_trunc(a, b) - inexact;
}

// In PyTorch's order, which shows where one is the least number, its own magnitude.
inline int64_t gcd(int64_t a, int64_t b) {
  a = abs(a);
  b = abs(b);
  while (a != 0) {
    const int64_t rest = fmod(b, a);
    b = a;
    a = rest;
  }
  return b;
}

// ---- powers ----

using std::pow;
inline int64_t pow(int64_t base, int64_t exponent) {
  if (exponent < 0) {
    const int64_t sign = exponent % 2 == 0 ? 1 : base;
    return base == 1 || base == -1 ? sign : 0;
  }
  int64_t power = 1;
  for (; exponent > 0; exponent /= 2, base = mul(base, base)) {
    if (exponent % 2 == 1) power = mul(power, base);
  }
  return power;
}

// ---- functions of the C library ----

using simd::cos, simd::erf, simd::exp, simd::exp2, simd::expm1, simd::log, simd::log10, simd::log1p,
    simd::log2, simd::sin, simd::tanh;
using std::acos, std::asin, std::asinh, std::atan, std::atan2, std::atanh, std::cosh, std::erfc,
    std::hypot, std::sinh, std::tan;
using std::cos, std::erf, std::exp, std::exp2, std::expm1, std::log, std::log10, std::log1p,
    std::sin, std::tanh;

// NaN below 1, where the C library of wasm has numbers.
inline double acosh(double x) { return x < 1 ? NAN : std::acosh(x); }

// Exact for powers of two, without the C library's table.
inline double log2(double x) {
  int exponent = 0;
  double fraction = std::frexp(x, &exponent);
  if (fraction < 0.70710678118654752) {
    fraction *= 2;
    --exponent;
  }
  return exponent + std::log(fraction) * 1.4426950408889634;
}

// ---- activations of doubles; those of floats are in core/vmath.h ----

using simd::gelu, simd::gelu_tanh, simd::hardsigmoid, simd::hardswish, simd::log_sigmoid,
    simd::mish, simd::relu6, simd::sigmoid, simd::silu, simd::softplus;

inline double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
inline double silu(double x) { return x / (1 + std::exp(-x)); }
inline double gelu(double x) { return x / 2 * (1 + std::erf(x * 0.70710678118654752)); }
inline double gelu_tanh(double x) {
  return x / 2 * (1 + std::tanh(0.79788456080286536 * (x + 0.044715 * x * x * x)));
}
inline double softplus(double x) { return relu(x) + std::log1p(std::exp(-std::fabs(x))); }
inline double log_sigmoid(double x) { return 0 - softplus(-x); }
inline double mish(double x) { return x * std::tanh(softplus(x)); }
inline double relu6(double x) { return clamp(x, 0.0, 6.0); }
inline double hardsigmoid(double x) { return relu6(x + 3) / 6; }
inline double hardswish(double x) { return x * relu6(x + 3) / 6; }

}  // namespace wtw::pointwise
