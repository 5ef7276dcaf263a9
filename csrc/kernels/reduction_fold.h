// Sum, product and maximum of lines, in the three types that reductions compute in.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "kernels/columns.h"
#include "kernels/reduction.h"
#include "kernels/rows.h"

namespace wtw::reduction {

enum class Fold : uint8_t { sum, prod, max };

// What folds of T are kept in.
template <class T>
using Total = std::conditional_t<std::is_integral_v<T>, int64_t, double>;

// An order-reversing map that is its own inverse.
template <class T>
T reverse(T x) {
  if constexpr (std::is_integral_v<T>) return ~x;
  return -x;
}

template <class T>
bool is_nan(T x) {
  if constexpr (std::is_floating_point_v<T>) return std::isnan(x);
  return false;
}

// The result of no elements.
template <class T>
Total<T> identity(Fold fold) {
  if (fold != Fold::max) return fold == Fold::prod;
  using Limits = std::numeric_limits<Total<T>>;
  return Limits::has_infinity ? -Limits::infinity() : Limits::min();
}

// Integers wrap around, as in PyTorch.
template <Fold fold, class T>
T join(T a, T b) {
  using Wrapping = std::conditional_t<std::is_integral_v<T>, uint64_t, T>;
  if constexpr (fold == Fold::sum) return static_cast<T>(Wrapping(a) + Wrapping(b));
  if constexpr (fold == Fold::prod) return static_cast<T>(Wrapping(a) * Wrapping(b));
  return is_nan(a) || b <= a ? a : b;  // a NaN stays, a new one is taken
}

// f for every element of lines in a buffer; the index is that of the column.
template <class T, class F>
void for_elements(const Lines<T>& x, T* buffer, F&& f) {
  for (int64_t r = 0; r < x.count; ++r) {
    T* line = buffer + r * x.pitch;
    for (int64_t i = 0; i < x.length; ++i) line[i] = f(line[i], i);
  }
}

// Every element goes to the total of its column, or all of them to the first.
template <Fold fold, class T>
void fold_each(const Lines<T>& x, bool columns, Total<T>* totals) {
  for (int64_t r = 0; r < x.count; ++r) {
    const T* line = x.data + r * x.pitch;
    for (int64_t i = 0; i < x.length; ++i) {
      Total<T>& total = totals[columns ? i : 0];
      total = join<fold, Total<T>>(total, line[i]);
    }
  }
}

inline void sum_floats(const Lines<float>& x, bool columns, double* totals) {
  if (columns) {
    const columns::Matrix matrix = {x.data, x.count, x.length, x.pitch};
    return columns::add_sums(matrix, totals, [](simd::f32x4 v, int64_t) { return v; });
  }
  constexpr int64_t run = 16 * columns::kRun;  // as long as those of columns, in each lane
  for (int64_t i = 0; i < x.length; i += run) {
    *totals += double{rows::sum(x.data + i, std::min(run, x.length - i))};
  }
}

inline void max_floats(const Lines<float>& x, bool columns, double* totals) {
  const auto join_max = [](double a, double b) { return join<Fold::max>(a, b); };
  const float low = -std::numeric_limits<float>::infinity();
  if (columns) {
    const columns::Matrix matrix = {x.data, x.count, x.length, x.pitch};
    const auto step = [](simd::f32x4 a, simd::f32x4 v, int64_t) { return wasm_f32x4_max(a, v); };
    return columns::fold(matrix, totals, low, step, join_max);
  }
  const auto step = [](simd::f32x4 a, simd::f32x4 v) { return wasm_f32x4_max(a, v); };
  alignas(16) float lanes[4];
  simd::store(lanes, rows::fold(x.data, x.length, simd::splat(low), low, step, step));
  for (float lane : lanes) *totals = join_max(*totals, lane);
}

template <class T>
void fold_lines(Fold fold, const Lines<T>& x, bool columns, Total<T>* totals) {
  constexpr bool vectors = std::is_same_v<T, float>;
  switch (fold) {
    case Fold::sum:
      if constexpr (vectors) return sum_floats(x, columns, totals);
      return fold_each<Fold::sum>(x, columns, totals);
    case Fold::prod:
      return fold_each<Fold::prod>(x, columns, totals);
    case Fold::max:
      if constexpr (vectors) return max_floats(x, columns, totals);
      return fold_each<Fold::max>(x, columns, totals);
  }
}

}  // namespace wtw::reduction
