// Lines of numbers in, totals that have taken them in out: float32 in vectors, float64 and int64
// in scalars.
#include <algorithm>

#include "kernels/columns.h"
#include "kernels/reduction.h"
#include "kernels/rows.h"

namespace wtw {
namespace {

using reduction::Lines;
using reduction::Totals;
using simd::f32x4;

template <Fold fold, class T>
[[gnu::noinline, clang::minsize]] void join_each(const Lines& lines, T* totals) {
  for (int64_t r = 0; r < lines.count; ++r) {
    const T* line = lines.line<T>(r);
    for (int64_t i = 0; i < lines.length; ++i) {
      T& total = totals[lines.columns ? i : r];
      total = join<fold>(total, line[i]);
    }
  }
}

template <class T>
void add_numbers(Fold fold, const Lines& lines, T* totals) {
  switch (fold) {
    case Fold::sum:
      return join_each<Fold::sum>(lines, totals);
    case Fold::prod:
      return join_each<Fold::prod>(lines, totals);
    case Fold::max:
      return join_each<Fold::max>(lines, totals);
    case Fold::min:
      return join_each<Fold::min>(lines, totals);
  }
}

template <Fold fold>
f32x4 join_vectors(f32x4 a, f32x4 b) {
  return fold == Fold::max ? wasm_f32x4_max(a, b) : wasm_f32x4_min(a, b);
}

template <Fold fold>
void add_extreme(const float* row, int64_t length, double* total) {
  const float start = identity<float>(fold);
  alignas(16) float lanes[4];
  simd::store(lanes, rows::fold(row, length, simd::splat(start), start, join_vectors<fold>,
                                join_vectors<fold>));
  for (float lane : lanes) *total = join<fold>(*total, double{lane});
}

columns::Matrix matrix_of(const Lines& lines) {
  return {lines.line<float>(0), lines.count, lines.length, lines.pitch};
}

void add_row(Fold fold, const float* row, int64_t length, double* total) {
  switch (fold) {
    case Fold::max:
      return add_extreme<Fold::max>(row, length, total);
    case Fold::min:
      return add_extreme<Fold::min>(row, length, total);
    default:
      *total += rows::sum(row, length);
  }
}

void add_floats(Fold fold, const Lines& lines, double* totals) {
  if (lines.columns) return columns::add_folds(fold, matrix_of(lines), totals);
  for (int64_t r = 0; r < lines.count; ++r) {
    add_row(fold, lines.line<float>(r), lines.length, totals + r);
  }
}

}  // namespace

namespace reduction {

void start(Fold fold, DType compute, Totals& totals, int64_t width) {
  if (compute == DType::int64) {
    std::fill_n(totals.integer, width, identity<int64_t>(fold));
  } else {
    std::fill_n(totals.real, width, identity<double>(fold));
  }
}

void add_lines(Fold fold, DType compute, const Lines& lines, Totals& totals) {
  switch (compute) {
    case DType::float32:
      return add_floats(fold, lines, totals.real);
    case DType::float64:
      return add_numbers(fold, lines, totals.real);
    default:
      return add_numbers(fold, lines, totals.integer);
  }
}

void add_squares(const Lines& lines, const Totals& centers, Totals& totals) {
  if (lines.columns) {
    alignas(16) float middles[kColumns + 4] = {};
    std::copy_n(centers.real, lines.length, middles);
    return columns::add_squares(matrix_of(lines), middles, totals.real);
  }
  for (int64_t r = 0; r < lines.count; ++r) {
    const float middle = static_cast<float>(centers.real[r]);
    totals.real[r] += rows::sum_of_squares(lines.line<float>(r), lines.length, middle);
  }
}

}  // namespace reduction
}  // namespace wtw
