// Sum, product, maximum and minimum of numbers, as PyTorch has them: NaN stays in extremes,
// integers wrap around.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace wtw {

enum class Fold : uint8_t { sum, prod, max, min };

template <class T>
bool is_nan(T x) {
  if constexpr (std::is_floating_point_v<T>) return std::isnan(x);
  return false;
}

// The fold of no numbers: 0, 1, the least and the greatest number.
template <class T>
T identity(Fold fold) {
  using Limits = std::numeric_limits<T>;
  switch (fold) {
    case Fold::sum:
      return 0;
    case Fold::prod:
      return 1;
    case Fold::max:
      return Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
    case Fold::min:
      return Limits::has_infinity ? Limits::infinity() : Limits::max();
  }
}

// Whether x takes the place of an extreme: it lies beyond it, or is the first NaN.
template <class T>
bool beats(Fold fold, T x, T extreme) {
  const bool within = fold == Fold::max ? x <= extreme : x >= extreme;
  return !within && !is_nan(extreme);
}

template <Fold fold, class T>
T join(T a, T b) {
  using Wrapping = std::conditional_t<std::is_integral_v<T>, uint64_t, T>;
  if constexpr (fold == Fold::sum) return static_cast<T>(Wrapping(a) + Wrapping(b));
  if constexpr (fold == Fold::prod) return static_cast<T>(Wrapping(a) * Wrapping(b));
  return beats(fold, b, a) ? b : a;
}

}  // namespace wtw
