// Columns of a float32 matrix in, their sums, extremes or sums of squares out: 4 or 16 neighbouring
// columns at a time, a run of rows after the other.
#include "kernels/columns.h"

#include <algorithm>

#include "core/simd.h"

namespace wtw::columns {
namespace {

using simd::f32x4;

using Join = void (*)(double* totals, const float* folds, int64_t n);

template <Fold fold>
[[gnu::noinline, clang::minsize]] void join_folds(double* totals, const float* folds, int64_t n) {
  for (int64_t i = 0; i < n; ++i) totals[i] = join<fold>(totals[i], double{folds[i]});
}

// Copies a matrix less than 4 columns wide to rows of 4, filled up with zeros.
[[gnu::noinline, clang::minsize]] void widen(const Matrix& x, float* out) {
  for (int64_t r = 0; r < x.rows; ++r, out += 4) {
    for (int64_t c = 0; c < 4; ++c) out[c] = c < x.width ? x.data[r * x.pitch + c] : 0;
  }
}

// The fold of N vectors of neighbouring columns, the first being column c, by acc = step(acc, x,
// c).
template <int N, class Step>
void fold_vectors(const float* x, int64_t rows, int64_t pitch, int64_t c, float start, float* folds,
                  Step&& step) {
  f32x4 acc[N];
  std::fill_n(acc, N, simd::splat(start));
#pragma clang loop unroll(disable)
  for (int64_t r = 0; r < rows; ++r, x += pitch) {
    for (int i = 0; i < N; ++i) acc[i] = step(acc[i], simd::load(x + 4 * i), c + 4 * i);
  }
  for (int i = 0; i < N; ++i) simd::store(folds + 4 * i, acc[i]);
}

// The step also sees zeros beside the matrix.
template <class Step>
void fold_columns(const Matrix& x, double* totals, float start, Join join, Step&& step) {
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

}  // namespace

void add_folds(Fold fold, const Matrix& x, double* totals) {
  const float start = identity<float>(fold);
  if (fold == Fold::max) {
    fold_columns(x, totals, start, join_folds<Fold::max>,
                 [](f32x4 acc, f32x4 v, int64_t) { return wasm_f32x4_max(acc, v); });
  } else if (fold == Fold::min) {
    fold_columns(x, totals, start, join_folds<Fold::min>,
                 [](f32x4 acc, f32x4 v, int64_t) { return wasm_f32x4_min(acc, v); });
  } else {
    fold_columns(x, totals, start, join_folds<Fold::sum>,
                 [](f32x4 acc, f32x4 v, int64_t) { return simd::add(acc, v); });
  }
}

void add_squares(const Matrix& x, const float* centers, double* totals) {
  fold_columns(x, totals, 0, join_folds<Fold::sum>, [=](f32x4 acc, f32x4 v, int64_t c) {
    f32x4 d = simd::sub(v, simd::load(centers + c));
    return simd::madd(d, d, acc);
  });
}

}  // namespace wtw::columns
