// One axis of a tensor that is dense in some order, and work split into ranges of elements.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>

#include "core/pool.h"
#include "core/tensor.h"

namespace wtw {

// Rounded up; 0 or less where a is.
constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// The tensor's memory is (outer, size, inner).
struct Axis {
  int64_t outer, size, inner;
};

// For a tensor with elements; a 0-d one counts as having one axis of size 1.
inline Axis axis_of(const Tensor& t, int64_t dim) {
  if (t.rank == 0 || t.shape[dim] == 1) return {1, 1, t.numel};
  const int64_t size = t.shape[dim], inner = t.stride[dim];
  return {t.numel / (size * inner), size, inner};
}

inline bool is_axis(const Tensor& t, int64_t dim) {
  return dim >= 0 && dim < std::max<int64_t>(t.rank, 1);
}

inline bool same_shape(const Tensor& a, const Tensor& b) {
  return a.rank == b.rank && std::equal(a.shape, a.shape + a.rank, b.shape);
}

inline bool has_shape(const Tensor& t, std::initializer_list<int64_t> shape) {
  return t.rank == static_cast<int>(shape.size()) &&
         std::equal(shape.begin(), shape.end(), t.shape);
}

// The same shape in the same order in memory.
inline bool same_layout(const Tensor& a, const Tensor& b) {
  if (!same_shape(a, b)) return false;
  for (int i = 0; i < a.rank; ++i) {
    if (a.shape[i] > 1 && a.stride[i] != b.stride[i]) return false;
  }
  return true;
}

#ifdef WTW_NATIVE
extern int64_t finer;  // so that tests split small tensors, too (csrc/native/regions.cc)
#else
inline constexpr int64_t finer = 1;
#endif

// body(begin, end, worker) over [0, count), in chunks of `grain`.
template <class F>
void parallel_ranges(int64_t count, int64_t grain, F&& body) {
  grain = std::max<int64_t>(grain / finer, 1);
  pool::parallel(ceil_div(count, grain), [&](int64_t chunk, int worker) {
    body(chunk * grain, std::min(count, (chunk + 1) * grain), worker);
  });
}

}  // namespace wtw
