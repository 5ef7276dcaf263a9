// Lines of numbers in, totals that have taken them in out: float32 in vectors, float64 and int64
// in scalars.
#include "core/convert.h"
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
      T& total = totals[lines.columns ? i : 0];
      total = join<fold>(total, line[i]);
    }
  }
}

template <class T>
void add_numbers(Fold fold, const Lines& lines, T* totals) {
  switch (fold) {
    case Fold::sum: return join_each<Fold::sum>(lines, totals);
    case Fold::prod: return join_each<Fold::prod>(lines, totals);
    case Fold::max: return join_each<Fold::max>(lines, totals);
    case Fold::min: return join_each<Fold::min>(lines, totals);
  }
}

template <Fold fold>
[[gnu::noinline, clang::minsize]] void join_folds(double* totals, const float* folds, int64_t n) {
  for (int64_t i = 0; i < n; ++i) totals[i] = join<fold>(totals[i], double{folds[i]});
}

template <Fold fold>
f32x4 join_vectors(f32x4 a, f32x4 b) {
  if constexpr (fold == Fold::sum) return simd::add(a, b);
  return fold == Fold::max ? wasm_f32x4_max(a, b) : wasm_f32x4_min(a, b);
}

// Rows are cut into runs that give each lane as many elements as columns have.
template <Fold fold>
void add_vectors(const Lines& lines, double* totals) {
  const float start = identity<float>(fold);
  if (lines.columns) {
    const auto step = [](f32x4 acc, f32x4 v, int64_t) { return join_vectors<fold>(acc, v); };
    const columns::Matrix x = {lines.line<float>(0), lines.count, lines.length, lines.pitch};
    return columns::fold(x, totals, start, step, join_folds<fold>);
  }
  constexpr int64_t run = 16 * columns::kRun;
  const float* x = lines.line<float>(0);
  for (int64_t i = 0; i < lines.length; i += run) {
    alignas(16) float lanes[4];
    const int64_t n = std::min(run, lines.length - i);
    simd::store(lanes, rows::fold(x + i, n, simd::splat(start), start, join_vectors<fold>,
                                  join_vectors<fold>));
    for (float lane : lanes) *totals = join<fold>(*totals, double{lane});
  }
}

void add_floats(Fold fold, const Lines& lines, double* totals) {
  switch (fold) {
    case Fold::max: return add_vectors<Fold::max>(lines, totals);
    case Fold::min: return add_vectors<Fold::min>(lines, totals);
    default: return add_vectors<Fold::sum>(lines, totals);
  }
}

}  // namespace

void columns::join_sums(double* totals, const float* sums, int64_t n) {
  join_folds<Fold::sum>(totals, sums, n);
}

void columns::widen(const Matrix& x, float* out) {
  for (int64_t r = 0; r < x.rows; ++r, out += 4) {
    for (int64_t c = 0; c < 4; ++c) out[c] = c < x.width ? x.data[r * x.pitch + c] : 0;
  }
}

namespace reduction {

DType compute_type(DType dtype, Fold fold) {
  const DType wide = widened(dtype);
  return wide == DType::float32 && fold == Fold::prod ? DType::float64 : wide;
}

void start(Fold fold, DType compute, Totals& totals, int64_t width) {
  if (compute == DType::int64) {
    std::fill_n(totals.integer, width, identity<int64_t>(fold));
  } else {
    std::fill_n(totals.real, width, identity<double>(fold));
  }
}

void add_lines(Fold fold, DType compute, const Lines& lines, Totals& totals) {
  switch (compute) {
    case DType::float32: return add_floats(fold, lines, totals.real);
    case DType::float64: return add_numbers(fold, lines, totals.real);
    default: return add_numbers(fold, lines, totals.integer);
  }
}

}  // namespace reduction
}  // namespace wtw
