// A block of an int4 product: 32 values of a row of the left side, of 8 bits, times the same 32 of
// each of 8 columns of weights 0 to 15, less their zero points. Sums are exact.
//
// Four values of each of 8 columns take 16 bytes: the first four columns in the low halves of
// bytes. The left side is what may have a sign in a relaxed dot product, the weights are what has 7
// bits: all variants give the same sums.
#pragma once

#include <cstdint>

#include "core/simd.h"

namespace wtw::int4 {

inline constexpr int kBlock = 32;   // values along K that share a scale
inline constexpr int kColumns = 8;  // of a panel
inline constexpr int kDepth = 4;    // values of a step
inline constexpr int kSteps = kBlock / kDepth;
inline constexpr int kStepBytes = kColumns * kDepth / 2;
inline constexpr int kBlockBytes = kSteps * kStepBytes;
inline constexpr int kVectors = kColumns / 4;  // of the sums of a row

#ifdef __wasm_relaxed_simd__
using Number = int8_t;
inline constexpr int kRows = 4;  // of a tile
inline constexpr int kParts = kVectors;
#else
using Number = int16_t;
inline constexpr int kRows = 3;
inline constexpr int kParts = 2 * kVectors;
#endif

// Of a row of the left side: value = number * scale, about.
struct Left {
  Number numbers[kBlock];
  int16_t less[2];  // minus the sums of the numbers that are first or second, third or fourth of 4
  float scale;
};

#ifdef __wasm_relaxed_simd__

inline void store_numbers(Number* to, v128_t i32) {
  const v128_t i16 = wasm_i16x8_narrow_i32x4(i32, i32);
  wasm_v128_store32_lane(to, wasm_i8x16_narrow_i16x8(i16, i16), 0);
}

// A step: the first four columns, the others.
inline void unpack(v128_t (&w)[kParts], v128_t bytes) {
  const v128_t mask = wasm_i8x16_splat(15);
  w[0] = wasm_v128_and(bytes, mask);
  w[1] = wasm_v128_and(wasm_u16x8_shr(bytes, 4), mask);
}
// Pairs of 16 bits: each ends as the sum of 16 products of at most 127 * 15.
inline v128_t start(v128_t zeros, v128_t less) { return wasm_i16x8_mul(zeros, less); }
inline void add(v128_t (&sum)[kVectors], const v128_t (&w)[kParts], const Number* x) {
  const v128_t numbers = wasm_v128_load32_splat(x);
  for (int v = 0; v < kVectors; ++v) {
    sum[v] = wasm_i16x8_add(sum[v], wasm_i16x8_relaxed_dot_i8x16_i7x16(numbers, w[v]));
  }
}
inline v128_t total(v128_t sum) { return wasm_i32x4_extadd_pairwise_i16x8(sum); }

#else

inline void store_numbers(Number* to, v128_t i32) {
  const v128_t i16 = wasm_i16x8_narrow_i32x4(i32, i32);
  wasm_v128_store64_lane(to, wasm_i16x8_shuffle(i16, i16, 0, 2, 1, 3, 0, 2, 1, 3), 0);
}

// Lanes of 16 bits: the first and third value of a step of the first four columns, of the others;
// then the second and fourth.
inline void unpack(v128_t (&w)[kParts], v128_t bytes) {
  const v128_t mask = wasm_i16x8_splat(15);
  w[0] = wasm_v128_and(bytes, mask);
  w[1] = wasm_v128_and(wasm_u16x8_shr(bytes, 4), mask);
  w[2] = wasm_v128_and(wasm_u16x8_shr(bytes, 8), mask);
  w[3] = wasm_u16x8_shr(bytes, 12);
}
inline v128_t start(v128_t zeros, v128_t less) { return wasm_i32x4_dot_i16x8(zeros, less); }
inline void add(v128_t (&sum)[kVectors], const v128_t (&w)[kParts], const Number* x) {
  for (int half = 0; half < 2; ++half) {
    const v128_t numbers = wasm_v128_load32_splat(x + 2 * half);
    for (int v = 0; v < kVectors; ++v) {
      sum[v] = wasm_i32x4_add(sum[v], wasm_i32x4_dot_i16x8(w[2 * half + v], numbers));
    }
  }
}
inline v128_t total(v128_t sum) { return sum; }

#endif

}  // namespace wtw::int4
