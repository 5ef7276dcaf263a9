// Exact sums of a panel and some rows in, floats or bytes of the output out: all in registers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/int8_epilogue.h"

namespace wtw::int8 {

template <int R>
using Vectors = v128_t[R][kVectors];

// Whole numbers become floats: those of the row, scaled, with the bias.
template <int R, class T>
[[gnu::always_inline]] inline void scale(const Output& o, const Scale* const (&left)[R],
                                         int64_t column, Vectors<R>& y) {
  for (int v = 0; v < kVectors; ++v) {
    const v128_t sums = wasm_v128_load(o.columns.sums + column + 4 * v);
    simd::f32x4 factor = simd::load(o.columns.scale + column + 4 * v);
    const simd::f32x4 bias = simd::load(o.columns.bias + column + 4 * v);
    if constexpr (sizeof(T) == 1) {
      const v128_t zeros = wasm_i32x4_mul(sums, wasm_v128_load32_splat(&left[0]->zero));
      for (int r = 0; r < R; ++r) {
        const v128_t whole = wasm_i32x4_sub(y[r][v], zeros);
        y[r][v] = simd::add(simd::mul(wasm_f32x4_convert_i32x4(whole), factor), bias);
      }
    } else {
      for (int r = 0; r < R; ++r) {
        const v128_t zeros = wasm_i32x4_mul(sums, wasm_v128_load32_splat(&left[r]->zero));
        const v128_t whole = wasm_i32x4_sub(y[r][v], zeros);
        const simd::f32x4 both = simd::mul(simd::load_splat(&left[r]->scale), factor);
        y[r][v] = simd::add(simd::mul(wasm_f32x4_convert_i32x4(whole), both), bias);
      }
    }
  }
}

// `at`: from the place's first column on.
template <int R>
[[gnu::always_inline]] inline void add_residual(const Place& place, ptrdiff_t at, float factor,
                                                Vectors<R>& y) {
  if (place.residual_bytes) {
    const uint8_t* from = place.residual_bytes + at;
    const simd::f32x4 scale = simd::splat(factor);
    for (int r = 0; r < R; ++r, from += place.stride) {
      const v128_t more = wasm_u16x8_load8x8(from);
      const v128_t wide[kVectors] = {wasm_u32x4_extend_low_u16x8(more),
                                     wasm_u32x4_extend_high_u16x8(more)};
      for (int v = 0; v < kVectors; ++v) {
        y[r][v] = simd::add(y[r][v], simd::mul(wasm_f32x4_convert_i32x4(wide[v]), scale));
      }
    }
  } else if (place.residual) {
    const float* from = place.residual + at;
    for (int r = 0; r < R; ++r, from += place.stride) {
      for (int v = 0; v < kVectors; ++v) y[r][v] = simd::add(y[r][v], simd::load(from + 4 * v));
    }
  }
}

template <int R>
[[gnu::always_inline]] inline void store(const Clamp& bounds, Vectors<R>& y, float* out,
                                         ptrdiff_t stride) {
  if (bounds.active) {
    const simd::f32x4 low = simd::splat(bounds.low), high = simd::splat(bounds.high);
    for (auto& row : y) {
      for (simd::f32x4& v : row) v = simd::clamp(v, low, high);
    }
  }
  for (int r = 0; r < R; ++r, out += stride) {
    for (int v = 0; v < kVectors; ++v) simd::store(out + 4 * v, y[r][v]);
  }
}

// Two rows at a time.
template <int R>
[[gnu::always_inline]] inline void store(const Clamp& bounds, Vectors<R>& y, uint8_t* out,
                                         ptrdiff_t stride) {
  const simd::f32x4 low = simd::splat(bounds.low), high = simd::splat(bounds.high);
  v128_t halves[R];
  for (int r = 0; r < R; ++r) {
    for (v128_t& v : y[r]) v = to_whole(v, low, high);
    halves[r] = wasm_i16x8_narrow_i32x4(y[r][0], y[r][1]);
  }
  for (int r = 0; r < R; r += 2, out += 2 * stride) {
    const v128_t bytes = wasm_u8x16_narrow_i16x8(halves[r], halves[std::min(r + 1, R - 1)]);
    wasm_v128_store64_lane(out, bytes, 0);
    if (r + 1 < R) wasm_v128_store64_lane(out + stride, bytes, 1);
  }
}

}  // namespace wtw::int8
