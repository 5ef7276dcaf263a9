// The taps of a resized axis: which input positions an output position is the weighted sum of.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels/upsample.h"

namespace wtw::upsample {

enum class Filter : uint8_t { linear, cubic };

// `most` taps for each output position, of which the first count[o] are used.
template <class T>
struct Taps {
  int64_t most;
  int64_t *count, *index;
  T* weight;
};

// Half the width of the filter, in input positions, when it covers all that an output position
// stands for (antialiasing).
inline double support(Filter filter, double ratio) {
  return (filter == Filter::cubic ? 2 : 1) * std::max(ratio, 1.0);
}

inline int64_t most_taps(const Axis& axis, Filter filter, bool antialias) {
  if (!antialias) return filter == Filter::cubic ? 4 : 2;
  const double half = std::ceil(support(filter, axis.ratio<float>()));
  return std::min(axis.in, static_cast<int64_t>(half) * 2 + 1);
}

// The filters at a distance x >= 0: linear, and Keys' cubic convolution.
inline double linear_at(double x) { return std::max(0.0, 1 - x); }

inline double cubic_at(double x, double a) {
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((x - 5) * x + 8) * x * a - 4 * a : 0;
}

// The two or four neighbours of the position; positions outside are those at the border.
template <class T>
void add_neighbours(const Axis& axis, Filter filter, int64_t o, int64_t* index, T* weight) {
  const T ratio = axis.ratio<T>(), step = static_cast<T>(o);
  // One rounding, as of a fused multiply and add.
  T at = static_cast<T>(double{ratio} * double{step + T{0.5}} - 0.5);
  if (axis.align_corners) at = ratio * step;
  if (filter == Filter::linear) at = std::max(at, T{0});
  const T low = std::floor(at), t = at - low;
  const int taps = filter == Filter::cubic ? 4 : 2, before = taps / 2 - 1;
  for (int i = 0; i < taps; ++i) {
    const int64_t position = static_cast<int64_t>(low) + i - before;
    const double distance = std::abs(double{t} - (i - before));
    index[i] = std::clamp<int64_t>(position, 0, axis.in - 1);
    weight[i] =
        static_cast<T>(filter == Filter::cubic ? cubic_at(distance, -0.75) : linear_at(distance));
  }
}

// All positions that the widened filter reaches, inside the input; weights add up to 1.
template <class T>
int64_t add_covered(const Axis& axis, Filter filter, int64_t o, int64_t most, int64_t* index,
                    T* weight) {
  const T ratio = axis.ratio<T>(), half = static_cast<T>(support(filter, ratio));
  const T center = static_cast<T>(ratio * (static_cast<double>(o) + 0.5));
  const T inverse = ratio >= 1 ? 1 / ratio : T{1};
  const int64_t first = std::max<int64_t>(static_cast<int64_t>(center - half + 0.5), 0);
  const int64_t end = std::min(static_cast<int64_t>(center + half + 0.5), axis.in);
  const int64_t count = std::clamp<int64_t>(end - first, 0, most);
  T total = 0;
  for (int64_t i = 0; i < count; ++i) {
    const double x = std::abs((static_cast<double>(first + i) - center + 0.5) * inverse);
    index[i] = first + i;
    weight[i] = static_cast<T>(filter == Filter::cubic ? cubic_at(x, -0.5) : linear_at(x));
    total += weight[i];
  }
  for (int64_t i = 0; i < count && total != 0; ++i) weight[i] /= total;
  return count;
}

template <class T>
void find_taps(const Axis& axis, Filter filter, bool antialias, const Taps<T>& taps) {
  for (int64_t o = 0; o < axis.out; ++o) {
    int64_t* index = taps.index + o * taps.most;
    T* weight = taps.weight + o * taps.most;
    taps.count[o] = taps.most;
    if (antialias) {
      taps.count[o] = add_covered(axis, filter, o, taps.most, index, weight);
    } else {
      add_neighbours(axis, filter, o, index, weight);
    }
  }
}

}  // namespace wtw::upsample
