// Elements in, the same elements elsewhere out: flip, roll, triangles of matrices, slice_scatter.
#include <algorithm>
#include <cstring>

#include "core/kernel.h"
#include "kernels/axis.h"
#include "kernels/strided_copy.h"
#include "ops.h"

namespace wtw {
namespace {

bool alike(const Tensor& a, const Tensor& b) { return a.dtype == b.dtype && same_shape(a, b); }

// ---- flip, roll ----

Code check_flip(Call& call) {
  WTW_CHECK(alike(call.in(0), call.out()));
  for (const int64_t dim : call.integers(op::flip::dims_)) {
    WTW_CHECK(dim >= 0 && dim < call.out().rank);
  }
  return Code::ok;
}

Code run_flip(Call& call) {
  const Tensor& in = call.in(0);
  Pieces axes[kMaxRank];
  for (int i = 0; i < in.rank; ++i) axes[i].add(0, in.shape[i], 0, 1);
  for (const int64_t dim : call.integers(op::flip::dims_)) {
    axes[dim].piece[0] = {0, in.shape[dim], in.shape[dim] - 1, -1};
  }
  copy_pieces(call.out(), in, axes);
  return Code::ok;
}

Code check_roll(Call& call) {
  WTW_CHECK(alike(call.in(0), call.out()));
  WTW_CHECK(call.integers(op::roll::shifts_).size() == static_cast<size_t>(call.out().rank));
  return Code::ok;
}

Code run_roll(Call& call) {
  const Tensor& in = call.in(0);
  if (in.numel == 0) return Code::ok;
  Pieces axes[kMaxRank];
  for (int i = 0; i < in.rank; ++i) {
    const int64_t size = in.shape[i];
    const int64_t shift = (call.integers(op::roll::shifts_)[i] % size + size) % size;
    axes[i].add(0, shift, size - shift, 1);
    axes[i].add(shift, size - shift, 0, 1);
  }
  copy_pieces(call.out(), in, axes);
  return Code::ok;
}

// ---- tril, triu ----

Code check_triangle(Call& call) {
  WTW_CHECK(alike(call.in(0), call.out()) && call.out().rank >= 2);
  return Code::ok;
}

// Row r keeps its columns up to (lower) or from (upper) r + diagonal; the others become 0.
template <bool kUpper>
Code run_triangle(Call& call) {
  const Tensor& in = call.in(0);
  const Tensor& out = call.out();
  if (out.numel == 0) return Code::ok;
  const int64_t rows = out.size(-2), columns = out.size(-1), item = size_of(out.dtype);
  const int64_t diagonal = std::clamp(call.integer(op::tril::diagonal_), -rows - 1, columns + 1);
  copy_tensor(out, in);
  for (int64_t row = 0; row < out.numel / columns; ++row) {
    const int64_t middle = row % rows + diagonal + (kUpper ? 0 : 1);
    const int64_t cut = std::clamp<int64_t>(middle, 0, columns);
    const int64_t first = kUpper ? 0 : cut, last = kUpper ? cut : columns;
    std::memset(out.data + (row * columns + first) * item, 0, (last - first) * item);
  }
  return Code::ok;
}

// ---- slice_scatter ----

// How many elements start, start + step, ... lie before end.
int64_t steps_between(int64_t start, int64_t end, int64_t step) {
  return end > start ? (end - start - 1) / step + 1 : 0;
}

Code check_slice_scatter(Call& call) {
  namespace o = op::slice_scatter;
  const Tensor& in = call.in(o::self_);
  const Tensor& src = call.in(o::src_);
  const int64_t dim = call.integer(o::dim_), start = call.integer(o::start_),
                end = call.integer(o::end_);
  WTW_CHECK(alike(in, call.out()) && src.dtype == in.dtype && src.rank == in.rank);
  WTW_CHECK(dim >= 0 && dim < in.rank && call.integer(o::step_) > 0);
  WTW_CHECK(start >= 0 && start <= end && end <= in.shape[dim]);
  for (int i = 0; i < in.rank; ++i) {
    const int64_t size = i == dim ? steps_between(start, end, call.integer(o::step_)) : in.shape[i];
    WTW_CHECK(src.shape[i] == size);
  }
  return Code::ok;
}

Code run_slice_scatter(Call& call) {
  namespace o = op::slice_scatter;
  const Tensor& src = call.in(o::src_);
  const Tensor& out = call.out();
  const int64_t dim = call.integer(o::dim_), item = size_of(out.dtype);
  copy_tensor(out, call.in(o::self_));
  if (src.numel == 0) return Code::ok;
  std::byte* to = out.data + call.integer(o::start_) * out.stride[dim] * item;
  int64_t stride[kMaxRank];
  std::copy(out.stride, out.stride + out.rank, stride);
  if (src.shape[dim] > 1) stride[dim] *= call.integer(o::step_);
  copy_strided(src.rank, src.shape, to, stride, src.data, src.stride, item);
  return Code::ok;
}

}  // namespace

WTW_KERNEL(flip, check_flip, run_flip);
WTW_KERNEL(roll, check_roll, run_roll);
WTW_KERNEL(tril, check_triangle, run_triangle<false>);
WTW_KERNEL(triu, check_triangle, run_triangle<true>);
WTW_KERNEL(slice_scatter, check_slice_scatter, run_slice_scatter);

}  // namespace wtw
