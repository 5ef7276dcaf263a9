// Sorted sequences and values in, where each value would be inserted out.
#include "core/kernel.h"
#include "kernels/axis.h"
#include "kernels/odometer.h"
#include "kernels/sort_key.h"
#include "ops.h"

namespace wtw {
namespace {

namespace o = op::searchsorted;

constexpr int64_t kElementsPerChunk = 1024;

Code check(Call& call) {
  const Tensor& sorted = call.in(o::sorted_sequence_);
  const Tensor& values = call.in(o::self_);
  WTW_CHECK(same_shape(values, call.out()) && sorted.dtype == values.dtype);
  WTW_CHECK(sorted.rank == 1 || (sorted.rank == values.rank && sorted.rank > 1));
  for (int i = 0; i + 1 < sorted.rank; ++i) WTW_CHECK(sorted.shape[i] == values.shape[i]);
  WTW_CHECK(call.out().dtype == DType::int64 || sorted.size(-1) <= INT32_MAX);
  return Code::ok;
}

// How many of the n keys at `first` are smaller than the key (or equal to it, if `right`).
int64_t position(const Tensor& sorted, int64_t first, int64_t n, uint64_t key, bool right) {
  const int64_t step = sorted.step(-1);
  int64_t low = 0;
  while (n > 0) {
    const int64_t half = n / 2;
    const uint64_t middle = sort_key(sorted, first + (low + half) * step);
    if (middle < key || (right && middle == key)) {
      low += half + 1;
      n -= half + 1;
    } else {
      n = half;
    }
  }
  return low;
}

Code run(Call& call) {
  const Tensor& sorted = call.in(o::sorted_sequence_);
  const Tensor& values = call.in(o::self_);
  const Tensor& out = call.out();
  if (out.numel == 0) return Code::ok;
  const int64_t n = sorted.size(-1);
  const bool right = call.flag(o::right_), wide = out.dtype == DType::int64;
  Odometer<2> all;
  for (int i = 0; i < values.rank; ++i) {
    const bool shared = sorted.rank == 1 || i == values.rank - 1;
    all.add(values.shape[i], {values.stride[i], shared ? 0 : sorted.stride[i]});
  }
  parallel_ranges(out.numel, kElementsPerChunk, [&](int64_t begin, int64_t end, int) {
    Odometer<2> at = all;
    at.seek(begin);
    for (int64_t i = begin; i < end; ++i, at.next()) {
      const int64_t place = position(sorted, at[1], n, sort_key(values, at[0]), right);
      if (wide) {
        out.as<int64_t>()[i] = place;
      } else {
        out.as<int32_t>()[i] = static_cast<int32_t>(place);
      }
    }
  });
  return Code::ok;
}

}  // namespace

WTW_KERNEL(searchsorted, check, run);

}  // namespace wtw
