// Batches of dense float32 or float64 matrices (..., M, N). Whatever their dtype, they are computed
// in float64, in scratch of a worker, and rounded once: LAPACK's float32 results have larger errors
// than that, and one loop serves both.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/convert.h"
#include "core/kernel.h"
#include "kernels/axis.h"

namespace wtw::linalg {

// The number of matrices, or of what else takes the last `inner` axes.
inline int64_t batch_of(const Tensor& t, int inner) {
  int64_t count = 1;
  for (int axis = 0; axis < t.rank - inner; ++axis) count *= t.shape[axis];
  return count;
}

// b is x but for the last axes: `inner_x` of x, and instead of them those of sizes `inner`.
inline bool follows(const Tensor& t, const Tensor& x, int inner_x,
                    std::initializer_list<int64_t> inner) {
  const int leading = x.rank - inner_x;
  return leading >= 0 && t.rank == leading + static_cast<int>(inner.size()) &&
         std::equal(x.shape, x.shape + leading, t.shape) &&
         std::equal(inner.begin(), inner.end(), t.shape + leading);
}

inline bool is_square(const Tensor& t) { return t.rank >= 2 && t.size(-1) == t.size(-2); }

// The n elements that are number `index` of their kind, to and from float64.
inline void load(const Tensor& t, int64_t index, int64_t n, double* to) {
  load_as(DType::float64, to, t.dtype, t.data + index * n * size_of(t.dtype), n);
}
inline void store(const Tensor& t, int64_t index, int64_t n, const double* from) {
  store_as(t.dtype, t.data + index * n * size_of(t.dtype), DType::float64, from, n);
}

// body(index, doubles of scratch) for each of `count` problems of so many operations.
template <class F>
void for_each(Call& call, int64_t count, double operations, F&& body) {
  constexpr double grain = 64 << 10;
  const auto share = static_cast<int64_t>(grain / std::max(operations, 1.0));
  parallel_ranges(count, share, [&](int64_t begin, int64_t end, int worker) {
    auto* scratch = reinterpret_cast<double*>(call.worker_scratch(worker));
    for (int64_t i = begin; i < end; ++i) body(i, scratch);
  });
}

}  // namespace wtw::linalg
