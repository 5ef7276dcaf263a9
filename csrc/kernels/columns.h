// Folds down the columns of a float32 matrix: what reductions of outer axes are made of.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/simd.h"
#include "kernels/rows.h"

namespace wtw::columns {

using simd::f32x4;

// Rows whose fold is kept in float32 before it joins a float64 total: long sums stay exact.
inline constexpr int64_t kRun = 128;

// A matrix of `rows` x `width`, its rows `pitch` floats apart.
struct Matrix {
  const float* data;
  int64_t rows, width, pitch;
};

// Joins the folds of n neighbouring columns to their totals.
using Join = void (*)(double* totals, const float* folds, int64_t n);

void join_sums(double* totals, const float* sums, int64_t n);

// The fold of every column by acc = step(acc, x, c) from `start`, a run of rows at a time.
// Columns go in vectors of 4, c being the first of them; what lies beside the matrix is seen as
// zeros.
template <class Step>
void fold(const Matrix& x, double* totals, float start, Step&& step, Join join) {
  const f32x4 first = simd::splat(start);
  alignas(16) float folds[16];
  for (int64_t top = 0; top < x.rows; top += kRun) {
    const float* run = x.data + top * x.pitch;
    const int64_t n = std::min(kRun, x.rows - top);
    int64_t c = 0;
    for (; c + 16 <= x.width; c += 16) {
      f32x4 acc[4] = {first, first, first, first};
      for (int64_t r = 0; r < n; ++r) {
        const float* at = run + r * x.pitch + c;
        for (int i = 0; i < 4; ++i) acc[i] = step(acc[i], simd::load(at + 4 * i), c + 4 * i);
      }
      for (int i = 0; i < 4; ++i) simd::store(folds + 4 * i, acc[i]);
      join(totals + c, folds, 16);
    }
    for (; c < x.width; c += 4) {
      const int64_t lanes = std::min<int64_t>(4, x.width - c);
      f32x4 acc = first;
      for (int64_t r = 0; r < n; ++r) {
        const float* at = run + r * x.pitch + c;
        acc = step(acc, lanes == 4 ? simd::load(at) : rows::load_part(at, lanes, 0), c);
      }
      simd::store(folds, acc);
      join(totals + c, folds, lanes);
    }
  }
}

// totals[c] += the sum down column c of f(x, c).
template <class F>
void add_sums(const Matrix& x, double* totals, F&& f) {
  const auto step = [&](f32x4 acc, f32x4 v, int64_t c) { return simd::add(acc, f(v, c)); };
  fold(x, totals, 0, step, join_sums);
}

}  // namespace wtw::columns
