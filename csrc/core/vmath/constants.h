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

// c0 + x (c1 + x (c2 + ...)).
inline f32x4 polynomial(f32x4, const Constant& c0) { return c0; }
template <class... Rest>
inline f32x4 polynomial(f32x4 x, const Constant& c0, const Rest&... rest) {
  return madd(polynomial(x, rest...), x, c0);
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
