// What the normalisations do to a contiguous row of floats.
#pragma once

#include <cstdint>

#include "core/simd.h"
#include "kernels/rows.h"

namespace wtw::normalization {

using simd::f32x4;

inline constexpr int64_t kGrain = 16 << 10;  // elements of a chunk

// y = (x - mean) * scale * weight + bias; weight and bias may be null. y may be x.
inline void scale_row(const float* x, float* y, int64_t n, float mean, float scale,
                      const float* weight, const float* bias) {
  const f32x4 center = simd::splat(mean), slope = simd::splat(scale);
  auto apply = [&](auto&& load) {
    f32x4 v = simd::mul(simd::sub(load(x), center), slope);
    if (weight != nullptr) v = simd::mul(v, load(weight));
    return bias != nullptr ? simd::add(v, load(bias)) : v;
  };
  int64_t i = 0;
  for (; i + 4 <= n; i += 4) {
    simd::store(y + i, apply([i](const float* p) { return simd::load(p + i); }));
  }
  if (i == n) return;
  f32x4 v = apply([i, n](const float* p) { return rows::load_part(p + i, n - i, 0); });
  rows::store_part(y + i, v, n - i);
}

}  // namespace wtw::normalization
