// Folds down the columns of a float32 matrix: what reductions of outer axes are made of.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/simd.h"

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

// Copies a matrix less than 4 columns wide to rows of 4, filled up with zeros.
void widen(const Matrix& x, float* out);

// The fold of N vectors of neighbouring columns by acc = step(acc, x, c); c counts columns.
template <int N, class Step>
void fold_vectors(const float* x, int64_t rows, int64_t pitch, int64_t c, float start, float* folds,
                  Step&& step) {
  f32x4 acc[N];
  std::fill_n(acc, N, simd::splat(start));
  for (int64_t r = 0; r < rows; ++r, x += pitch) {
    for (int i = 0; i < N; ++i) acc[i] = step(acc[i], simd::load(x + 4 * i), c + 4 * i);
  }
  for (int i = 0; i < N; ++i) simd::store(folds + 4 * i, acc[i]);
}

// Folds every column, a run of rows at a time; the step also sees zeros beside the matrix.
template <class Step>
void fold(const Matrix& x, double* totals, float start, Step&& step, Join join) {
  alignas(16) float folds[16], last[4 * kRun];
  for (int64_t top = 0; top < x.rows; top += kRun) {
    const float* run = x.data + top * x.pitch;
    const int64_t n = std::min(kRun, x.rows - top);
    int64_t c = 0;
    for (; c + 16 <= x.width; c += 16) {
      fold_vectors<4>(run + c, n, x.pitch, c, start, folds, step);
      join(totals + c, folds, 16);
    }
    for (; c < x.width; c += 4) {
      const int64_t lanes = std::min<int64_t>(4, x.width - c);
      if (lanes < 4) widen({run + c, n, lanes, x.pitch}, last);
      const float* from = lanes < 4 ? last : run + c;
      fold_vectors<1>(from, n, lanes < 4 ? 4 : x.pitch, c, start, folds, step);
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
