// A tensor in; its elements in order along one axis, and where they came from, out.
#include <algorithm>

#include "core/kernel.h"
#include "kernels/axis.h"
#include "kernels/odometer.h"
#include "kernels/sort_key.h"
#include "kernels/strided_copy.h"
#include "ops.h"

namespace wtw {
namespace {

constexpr int64_t kElementsPerChunk = 8192;  // about 30 us

// Ties keep the order of the indices, so that every sort is stable.
struct Entry {
  uint64_t key;
  int64_t index;
  bool operator<(const Entry& other) const {
    return key < other.key || (key == other.key && index < other.index);
  }
};

int64_t length(const Tensor& t, int64_t dim) { return t.rank == 0 ? 1 : t.shape[dim]; }

// The outputs hold the first `count` of each line of the input along `dim`.
Code check_ordered(Call& call, int64_t dim, int64_t count) {
  const Tensor& in = call.in(0);
  const Tensor& values = call.out(0);
  const Tensor& indices = call.out(1);
  WTW_CHECK(is_axis(in, dim) && count >= 0 && count <= length(in, dim));
  WTW_CHECK(values.dtype == in.dtype && values.rank == in.rank && same_shape(values, indices));
  for (int i = 0; i < in.rank; ++i) {
    WTW_CHECK(values.shape[i] == (i == dim ? count : in.shape[i]));
  }
  call.need_worker_scratch(length(in, dim) * static_cast<int64_t>(sizeof(Entry)));
  return Code::ok;
}

Code run_ordered(Call& call, int64_t dim, int64_t count, bool descending) {
  const Tensor& in = call.in(0);
  const Tensor& values = call.out(0);
  const Tensor& indices = call.out(1);
  if (values.numel == 0) return Code::ok;
  const int64_t n = length(in, dim), item = size_of(in.dtype);
  const int64_t from = in.rank == 0 ? 0 : in.stride[dim],
                to = in.rank == 0 ? 0 : values.stride[dim];
  const uint64_t flip = descending ? ~uint64_t{0} : 0;
  Odometer<2> lines;
  for (int i = 0; i < in.rank; ++i) {
    if (i != dim) lines.add(in.shape[i], {in.stride[i], values.stride[i]});
  }
  parallel_ranges(
      lines.positions(), kElementsPerChunk / n, [&](int64_t begin, int64_t end, int worker) {
        auto* entries = reinterpret_cast<Entry*>(call.worker_scratch(worker));
        Odometer<2> at = lines;
        at.seek(begin);
        for (int64_t line = begin; line < end; ++line, at.next()) {
          for (int64_t i = 0; i < n; ++i) entries[i] = {sort_key(in, at[0] + i * from) ^ flip, i};
          std::partial_sort(entries, entries + count, entries + n);
          for (int64_t i = 0; i < count; ++i) {
            const int64_t source = at[0] + entries[i].index * from, target = at[1] + i * to;
            copy_item(values.data + target * item, in.data + source * item, item);
            indices.as<int64_t>()[target] = entries[i].index;
          }
        }
      });
  return Code::ok;
}

Code check_sort(Call& call) {
  const int64_t dim = call.integer(op::sort::dim_);
  WTW_CHECK(is_axis(call.in(0), dim));
  return check_ordered(call, dim, length(call.in(0), dim));
}

Code run_sort(Call& call) {
  const int64_t dim = call.integer(op::sort::dim_);
  return run_ordered(call, dim, length(call.in(0), dim), call.flag(op::sort::descending_));
}

Code check_topk(Call& call) {
  return check_ordered(call, call.integer(op::topk::dim_), call.integer(op::topk::k_));
}

Code run_topk(Call& call) {
  namespace o = op::topk;
  return run_ordered(call, call.integer(o::dim_), call.integer(o::k_), call.flag(o::largest_));
}

}  // namespace

WTW_KERNEL(sort, check_sort, run_sort);
WTW_KERNEL(topk, check_topk, run_topk);

}  // namespace wtw
