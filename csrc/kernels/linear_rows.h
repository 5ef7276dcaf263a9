// Rows of linear layers: input 0, (..., K) of any strides, to the output (..., N), which is dense.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/kernel.h"
#include "kernels/axis.h"
#include "kernels/gemm.h"
#include "kernels/odometer.h"

namespace wtw {

struct LinearSizes {
  int64_t m, n, k;  // m is 0 where n is

  int64_t panels() const { return gemm::panels_of(n); }
};

inline LinearSizes linear_sizes(const Call& call) {
  const Tensor& y = call.out();
  const int64_t n = y.size(-1);
  return {n > 0 ? y.numel / n : 0, n, call.in(0).size(-1)};
}

// Whether the shapes of the input, the output and the residual, if there is one, fit together, and
// there are `columns`, as an attribute says.
inline bool linear_fits(const Call& call, int columns, int residual = -1) {
  const Tensor &x = call.in(0), &y = call.out();
  return x.rank >= 1 && y.rank == x.rank && std::equal(x.shape, x.shape + x.rank - 1, y.shape) &&
         x.size(-1) >= 1 && call.integer(columns) == y.size(-1) &&
         (residual < 0 || !call.has(residual) || same_shape(call.in(residual), y));
}

// Where each row of the input begins, in elements.
inline Odometer<1> rows_of(const Tensor& x) {
  Odometer<1> offsets;
  for (int axis = 0; axis < x.rank - 1; ++axis) offsets.add(x.shape[axis], {x.stride[axis]});
  return offsets;
}

// each(row, offset) for all rows, some `numbers` elements a chunk.
template <class Each>
void for_rows(const Tensor& x, const LinearSizes& s, int64_t numbers, Each&& each) {
  const Odometer<1> offsets = rows_of(x);
  parallel_ranges(s.m, numbers / s.k, [&](int64_t begin, int64_t end, int) {
    Odometer<1> at = offsets;
    at.seek(begin);
    for (int64_t r = begin; r < end; ++r, at.next()) each(r, at[0]);
  });
}

}  // namespace wtw
