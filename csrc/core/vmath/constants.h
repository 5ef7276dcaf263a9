// What functions of four floats are made of: constants in memory, and polynomials of them.
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

// c[0] + x (c[1] + x (c[2] + ...)). With FMA by Horner's scheme, which has the fewest operations;
// without it by Estrin's, as Horner's chain of additions and products would be too long.
template <size_t n>
inline f32x4 sum_powers(f32x4 x, const f32x4 (&c)[n]) {
  if constexpr (kFused) {
    f32x4 sum = c[n - 1];
    for (size_t i = n - 1; i-- > 0;) sum = madd(sum, x, c[i]);
    return sum;
  } else if constexpr (n == 1) {
    return c[0];
  } else {
    f32x4 pairs[(n + 1) / 2];
    for (size_t i = 0; i < n / 2; ++i) pairs[i] = madd(c[2 * i + 1], x, c[2 * i]);
    if (n % 2 == 1) pairs[n / 2] = c[n - 1];
    return sum_powers(mul(x, x), pairs);
  }
}

template <class... Constants>
inline f32x4 polynomial(f32x4 x, const Constants&... constants) {
  const f32x4 c[] = {constants...};
  return sum_powers(x, c);
}

struct CommonConstants {
  Constant half{0.5f}, one{1.0f}, two{2.0f}, infinity{INFINITY}, sign_bit{-0.0f};
};
inline CommonConstants kCommon;

// |magnitude| with the sign bit of `sign`.
inline f32x4 copysign(f32x4 magnitude, f32x4 sign) {
  return wasm_v128_bitselect(sign, magnitude, kCommon.sign_bit);
}

}  // namespace wtw::simd
