// One step of an int8 product: four bytes of a row of the left side, 0 to 127, times the same four
// of each of 8 columns of int8 weights, which lie [8][4]. Sums are int32, and exact.
//
// The left side has 7 bits, so that pairs of products fit 16 bits whatever relaxed instructions do
// with them: all variants give the same sums.
#pragma once

#include <cstdint>

#include "core/simd.h"

namespace wtw::int8 {

inline constexpr int kDepth = 4;    // values of a step
inline constexpr int kColumns = 8;  // of a panel
inline constexpr int kStep = kDepth * kColumns;
inline constexpr int kVectors = kColumns / 4;  // of the sums of a row

#ifdef __wasm_relaxed_simd__

inline constexpr int kRows = 4;  // of a tile
inline constexpr int kSums = kVectors;

inline v128_t load_left(const uint8_t* x) { return wasm_v128_load32_splat(x); }

// One instruction where the machine has it, five in V8 on other x86.
struct Whole {
  static void add(v128_t (&sum)[kSums], const v128_t (&w)[kVectors], v128_t x) {
    for (int v = 0; v < kVectors; ++v) {
      sum[v] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(w[v], x, sum[v]);
    }
  }
};
struct Halves {
  static void add(v128_t (&sum)[kSums], const v128_t (&w)[kVectors], v128_t x) {
    for (int v = 0; v < kVectors; ++v) {
      const v128_t pairs = wasm_i16x8_relaxed_dot_i8x16_i7x16(w[v], x);
      sum[v] = wasm_i32x4_add(sum[v], wasm_i32x4_extadd_pairwise_i16x8(pairs));
    }
  }
};
// Whether the machine sums up four products at once: then 8 bits on the right do not saturate as
// they do where it makes two pairs of 16 bits.
inline bool has_whole() {
  volatile int8_t left = 127, right = -1;
  const v128_t sums = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(
      wasm_i8x16_splat(left), wasm_i8x16_splat(right), wasm_i32x4_splat(0));
  return wasm_i32x4_extract_lane(sums, 0) != 2 * INT16_MAX;
}
inline v128_t sum_of(const v128_t (&sum)[kSums], int v) { return sum[v]; }

#else

inline constexpr int kRows = 2;
inline constexpr int kSums = 2 * kVectors;  // of pairs

inline v128_t load_left(const uint8_t* x) {
  return wasm_u16x8_extend_low_u8x16(wasm_v128_load32_splat(x));
}

struct Halves {
  static void add(v128_t (&sum)[kSums], const v128_t (&w)[kVectors], v128_t x) {
    for (int v = 0; v < kVectors; ++v) {
      const v128_t low = wasm_i32x4_dot_i16x8(wasm_i16x8_extend_low_i8x16(w[v]), x);
      const v128_t high = wasm_i32x4_dot_i16x8(wasm_i16x8_extend_high_i8x16(w[v]), x);
      sum[2 * v] = wasm_i32x4_add(sum[2 * v], low);
      sum[2 * v + 1] = wasm_i32x4_add(sum[2 * v + 1], high);
    }
  }
};
using Whole = Halves;
inline bool has_whole() { return false; }
inline v128_t sum_of(const v128_t (&sum)[kSums], int v) {
  const v128_t low = sum[2 * v], high = sum[2 * v + 1];
  return wasm_i32x4_add(wasm_i32x4_shuffle(low, high, 0, 2, 4, 6),
                        wasm_i32x4_shuffle(low, high, 1, 3, 5, 7));
}

#endif

}  // namespace wtw::int8
