// What the normalisations do to a contiguous row of floats.
#pragma once

#include <cstdint>

#include "core/simd.h"
#include "kernels/rows.h"

namespace wtw::normalization {

using simd::f32x4;

inline constexpr int64_t kGrain = 16 << 10;  // elements of a chunk

// In place of an absent weight or bias, from which no step leads on; 0 + -0 would be 0.
alignas(16) inline constexpr float kOnes[4] = {1, 1, 1, 1}, kZeros[4] = {-0.0f, -0.0f, -0.0f,
                                                                         -0.0f};

// y = (x - mean) * scale * weight + bias; weight and bias may be null. y may be x.
inline void scale_row(const float* x, float* y, int64_t n, float mean, float scale,
                      const float* weight, const float* bias) {
  const f32x4 center = simd::splat(mean), slope = simd::splat(scale);
  const ptrdiff_t weight_step = weight != nullptr, bias_step = bias != nullptr;
  const float *w = weight != nullptr ? weight : kOnes, *b = bias != nullptr ? bias : kZeros;
  const auto apply = [&](f32x4 v, f32x4 factor, f32x4 shift) {
    return simd::madd(simd::mul(simd::sub(v, center), slope), factor, shift);
  };
  int64_t i = 0;
  for (; i + 4 <= n; i += 4, w += 4 * weight_step, b += 4 * bias_step) {
    simd::store(y + i, apply(simd::load(x + i), simd::load(w), simd::load(b)));
  }
  if (i == n) return;
  const auto rest = [n = n - i](const float* p) { return rows::load_part(p, n, 0); };
  rows::store_part(y + i, apply(rest(x + i), rest(w), rest(b)), n - i);
}

}  // namespace wtw::normalization
