// Loops over a contiguous row of floats: four vectors at a time, then one, then what is left.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/simd.h"

namespace wtw::rows {

using simd::f32x4;

// The last n = 1, 2 or 3 numbers of a row; `fill` in the lanes behind them.
[[gnu::noinline]] inline f32x4 load_part(const float* x, int64_t n, float fill) {
  const f32x4 v = simd::splat(fill);
  if (n == 1) return wasm_v128_load32_lane(x, v, 0);
  const f32x4 two = wasm_v128_load64_lane(x, v, 0);
  return n == 2 ? two : wasm_v128_load32_lane(x + 2, two, 2);
}

[[gnu::noinline]] inline void store_part(float* y, f32x4 v, int64_t n) {
  if (n == 1) return wasm_v128_store32_lane(y, v, 0);
  wasm_v128_store64_lane(y, v, 0);
  if (n == 3) wasm_v128_store32_lane(y + 2, v, 2);
}

// The four lanes of the fold of load(0), load(4) ... in 16 running results, which keeps the error
// of sums small: each adds up only a sixteenth of the row. step(acc, v) takes one vector in,
// `merge` joins two results; lanes behind the end hold `fill`.
template <class Step, class Merge>
f32x4 fold(const float* x, int64_t n, f32x4 identity, float fill, Step&& step, Merge&& merge) {
  f32x4 a = identity, b = identity, c = identity, d = identity;
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    a = step(a, simd::load(x + i));
    b = step(b, simd::load(x + i + 4));
    c = step(c, simd::load(x + i + 8));
    d = step(d, simd::load(x + i + 12));
  }
  for (; i + 4 <= n; i += 4) a = step(a, simd::load(x + i));
  if (i < n) b = step(b, load_part(x + i, n - i, fill));
  return merge(merge(a, b), merge(c, d));
}

// y[i] = f(x[i]); f also sees zeros behind the end. x and y may be the same row.
template <class F>
void map(const float* x, float* y, int64_t n, F&& f) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    for (int64_t k = i; k < i + 16; k += 4) simd::store(y + k, f(simd::load(x + k)));
  }
  for (; i + 4 <= n; i += 4) simd::store(y + i, f(simd::load(x + i)));
  if (i < n) store_part(y + i, f(load_part(x + i, n - i, 0)), n - i);
}

// Elements whose sum is kept in float32 before it joins a float64 total: long sums stay exact.
inline constexpr int64_t kRun = 256;

// The sum of terms that `step` adds to its accumulator, run by run.
template <class Step>
double sum_runs(const float* x, int64_t n, float fill, Step&& step) {
  v128_t total = wasm_f64x2_splat(0);
  for (int64_t i = 0; i < n; i += kRun) {
    const int64_t length = std::min(kRun, n - i);
    const f32x4 run = fold(x + i, length, simd::splat(0), fill, step, simd::add);
    total = wasm_f64x2_add(total, wasm_f64x2_promote_low_f32x4(run));
    const f32x4 high = wasm_i32x4_shuffle(run, run, 2, 3, 0, 1);
    total = wasm_f64x2_add(total, wasm_f64x2_promote_low_f32x4(high));
  }
  return wasm_f64x2_extract_lane(total, 0) + wasm_f64x2_extract_lane(total, 1);
}

inline double sum(const float* x, int64_t n) { return sum_runs(x, n, 0, simd::add); }

// The sum of (x - center)^2.
inline double sum_of_squares(const float* x, int64_t n, float center) {
  return sum_runs(x, n, center, [middle = simd::splat(center)](f32x4 acc, f32x4 v) {
    const f32x4 d = simd::sub(v, middle);
    return simd::madd(d, d, acc);
  });
}

// The largest; with a NaN among them, any number or NaN.
inline float max_fast(const float* x, int64_t n) {
  const float low = -__builtin_inff();
  f32x4 v = fold(x, n, simd::splat(low), low, simd::max_fast, simd::max_fast);
  v = simd::max_fast(v, wasm_i32x4_shuffle(v, v, 2, 3, 0, 1));
  v = simd::max_fast(v, wasm_i32x4_shuffle(v, v, 1, 0, 3, 2));  // no branches, as scalars have
  return wasm_f32x4_extract_lane(v, 0);
}

}  // namespace wtw::rows
