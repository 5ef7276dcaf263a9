// Tensors that differ in one axis only in, one tensor with them one after another out.
#include "core/kernel.h"
#include "kernels/axis.h"
#include "kernels/strided_copy.h"
#include "ops.h"

namespace wtw {
namespace {

// Whether `in` fits `out` in every axis but `dim`.
bool fits(const Tensor& in, const Tensor& out, int64_t dim) {
  if (in.dtype != out.dtype || in.rank != out.rank) return false;
  for (int i = 0; i < out.rank; ++i) {
    if (i != dim && in.shape[i] != out.shape[i]) return false;
  }
  return true;
}

Code check(Call& call) {
  const Tensor& out = call.out();
  const int64_t dim = call.integer(op::cat::dim_);
  WTW_CHECK(dim >= 0 && dim < out.rank);
  int64_t total = 0;
  for (int i = 0; i < call.inputs(); ++i) {
    WTW_CHECK(fits(call.in(i), out, dim));
    total += call.in(i).shape[dim];
    WTW_CHECK(total <= out.shape[dim]);
  }
  WTW_CHECK(total == out.shape[dim]);
  return Code::ok;
}

Code run(Call& call) {
  const Tensor& out = call.out();
  const int64_t dim = call.integer(op::cat::dim_), item = size_of(out.dtype);
  std::byte* to = out.data;
  for (int i = 0; i < call.inputs(); ++i) {
    const Tensor& in = call.in(i);
    copy_strided(in.rank, in.shape, to, out.stride, in.data, in.stride, item);
    to += in.shape[dim] * out.stride[dim] * item;
  }
  return Code::ok;
}

}  // namespace

WTW_KERNEL(cat, check, run);

}  // namespace wtw
