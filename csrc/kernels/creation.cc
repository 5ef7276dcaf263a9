// Tensors made of numbers: full and arange.
#include <algorithm>

#include "core/convert.h"
#include "core/kernel.h"
#include "kernels/axis.h"
#include "kernels/strided_copy.h"
#include "ops.h"

namespace wtw {
namespace {

constexpr int64_t kChunk = 32768;  // elements

Code check_full(Call& call) {
  const auto size = call.integers(op::full::size_);
  const Tensor& out = call.out();
  WTW_CHECK(out.dtype == call.dtype(op::full::dtype_));
  WTW_CHECK(std::equal(size.begin(), size.end(), out.shape, out.shape + out.rank));
  return Code::ok;
}

Code run_full(Call& call) {
  const Tensor& out = call.out();
  const double value = call.real(op::full::value_);
  const int64_t item = size_of(out.dtype);
  alignas(8) std::byte element[8];
  store_as(out.dtype, element, DType::float64, &value, 1);
  const Line line = copy_line(item);
  parallel_ranges(out.numel, kChunk, [&](int64_t begin, int64_t end, int) {
    line(out.data + begin * item, 1, element, 0, end - begin);
  });
  return Code::ok;
}

Code check_arange(Call& call) {
  const Tensor& out = call.out();
  WTW_CHECK(out.dtype == call.dtype(op::arange::dtype_));
  WTW_CHECK(out.rank == 1 && out.numel == call.integer(op::arange::size_));
  return Code::ok;
}

Code run_arange(Call& call) {
  constexpr int64_t kBlock = 256;
  const Tensor& out = call.out();
  const auto start = static_cast<uint64_t>(call.integer(op::arange::start_));  // wraps
  const auto step = static_cast<uint64_t>(call.integer(op::arange::step_));
  parallel_ranges(out.numel, kChunk, [&](int64_t begin, int64_t end, int) {
    int64_t block[kBlock];
    for (int64_t at = begin; at < end; at += kBlock) {
      const int64_t n = std::min(kBlock, end - at);
      for (int64_t i = 0; i < n; ++i) block[i] = static_cast<int64_t>(start + (at + i) * step);
      store_as(out.dtype, out.data + at * size_of(out.dtype), DType::int64, block, n);
    }
  });
  return Code::ok;
}

}  // namespace

WTW_KERNEL(full, check_full, run_full);
WTW_KERNEL(arange, check_arange, run_arange);

}  // namespace wtw
