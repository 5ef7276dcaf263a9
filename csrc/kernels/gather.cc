// A tensor and an index of the same rank in; per element of the index, the element it names along
// one axis out (gather), or the tensor with that element written (scatter).
#include <algorithm>

#include "core/kernel.h"
#include "kernels/axis.h"
#include "kernels/combine.h"
#include "kernels/indices.h"
#include "kernels/odometer.h"
#include "kernels/strided_copy.h"
#include "ops.h"

namespace wtw {
namespace {

constexpr int64_t kElementsPerChunk = 16 * 1024;

// `full` has the axis that the index points into; 0-d tensors count as one of size 1.
int64_t axis_size(const Tensor& full, int64_t dim) { return full.rank == 0 ? 1 : full.shape[dim]; }
int64_t axis_step(const Tensor& full, int64_t dim) { return full.rank == 0 ? 0 : full.stride[dim]; }

// Whether the index stays inside t in every axis but `dim`.
bool inside(const Tensor& index, const Tensor& t, int64_t dim) {
  if (index.rank != t.rank) return false;
  for (int i = 0; i < t.rank; ++i) {
    if (i != dim && index.shape[i] > t.shape[i]) return false;
  }
  return true;
}

// Offsets in the index, in its partner (of its shape) and in full (at 0 along `dim`).
Odometer<3> walk(const Tensor& index, const Tensor& partner, const Tensor& full, int64_t dim) {
  Odometer<3> at;
  for (int i = 0; i < index.rank; ++i) {
    at.add(index.shape[i], {index.stride[i], partner.stride[i], i == dim ? 0 : full.stride[i]});
  }
  return at;
}

Code check_gather(Call& call) {
  namespace o = op::gather;
  const Tensor& in = call.in(o::self_);
  const Tensor& index = call.in(o::index_);
  const int64_t dim = call.integer(o::dim_);
  WTW_CHECK(is_axis(in, dim) && inside(index, in, dim));
  WTW_CHECK(in.dtype == call.out().dtype && same_shape(index, call.out()));
  return Code::ok;
}

Code run_gather(Call& call) {
  namespace o = op::gather;
  const Tensor& in = call.in(o::self_);
  const Tensor& index = call.in(o::index_);
  const Tensor& out = call.out();
  if (out.numel == 0) return Code::ok;
  const int64_t dim = call.integer(o::dim_), size = axis_size(in, dim), step = axis_step(in, dim);
  const int64_t item = size_of(out.dtype);
  Odometer<3> all = walk(index, out, in, dim);
  const auto line = all.pop();
  const auto gather_line = [&](const Odometer<3>& at) {
    for (int64_t i = 0; i < line.size; ++i) {
      const int64_t given = index_at(index, at[0] + i * line.steps[0]);
      const int64_t place = position_of(given, size, false);
      if (place < 0) return call.fail(Code::index_out_of_range, __LINE__, o::index_, given, size);
      const int64_t to = at[1] + i * line.steps[1];
      const int64_t from = at[2] + i * line.steps[2] + place * step;
      copy_item(out.data + to * item, in.data + from * item, item);
    }
    return Code::ok;
  };
  parallel_ranges(all.positions(), kElementsPerChunk / line.size,
                  [&](int64_t begin, int64_t end, int) {
                    Odometer<3> at = all;
                    at.seek(begin);
                    for (int64_t p = begin; p < end; ++p, at.next()) {
                      if (gather_line(at) != Code::ok) return;
                    }
                  });
  return call.status();
}

using Reduce = op::scatter::Reduce;

// Elements may meet several times: counts tell the first time, and what a mean divides by.
bool needs_counts(Call& call) {
  const auto reduce = static_cast<Reduce>(call.integer(op::scatter::reduce_));
  if (reduce == Reduce::none) return false;
  return reduce == Reduce::mean || !call.flag(op::scatter::include_self_);
}

Code check_scatter(Call& call) {
  namespace o = op::scatter;
  const Tensor& in = call.in(o::self_);
  const Tensor& index = call.in(o::index_);
  const Tensor& src = call.in(o::src_);
  const int64_t dim = call.integer(o::dim_);
  WTW_CHECK(is_axis(in, dim) && inside(index, in, dim) && inside(index, src, -1));
  WTW_CHECK(in.dtype == call.out().dtype && in.dtype == src.dtype);
  WTW_CHECK(same_shape(in, call.out()));
  const bool reduces = call.integer(o::reduce_) != static_cast<int64_t>(Reduce::none);
  WTW_CHECK(combines(in.dtype) || !reduces);
  if (needs_counts(call)) call.need_scratch(in.numel * static_cast<int64_t>(sizeof(int32_t)));
  return Code::ok;
}

Fold fold_of(Reduce reduce) {
  switch (reduce) {
    case Reduce::prod:
      return Fold::prod;
    case Reduce::amin:
      return Fold::min;
    case Reduce::amax:
      return Fold::max;
    default:
      return Fold::sum;
  }
}

// Every index, before anything is written: a failed run leaves a state as it was.
Code check_indices(Call& call, const Odometer<3>& all, int64_t size) {
  const Tensor& index = call.in(op::scatter::index_);
  Odometer<3> at = all;
  at.seek(0);
  for (int64_t p = 0; p < index.numel; ++p, at.next()) {
    const int64_t given = index_at(index, at[0]);
    if (position_of(given, size, false) < 0) {
      return call.fail(Code::index_out_of_range, __LINE__, op::scatter::index_, given, size);
    }
  }
  return Code::ok;
}

// In the order of the index: the last of several writes to an element stays.
Code run_scatter(Call& call) {
  namespace o = op::scatter;
  const Tensor& index = call.in(o::index_);
  const Tensor& src = call.in(o::src_);
  const Tensor& out = call.out();
  const int64_t dim = call.integer(o::dim_), size = axis_size(out, dim), step = axis_step(out, dim);
  const auto reduce = static_cast<Reduce>(call.integer(o::reduce_));
  const bool include_self = call.flag(o::include_self_);
  const int64_t item = size_of(out.dtype);
  Odometer<3> at = walk(index, src, out, dim);
  if (const Code code = check_indices(call, at, size); code != Code::ok) return code;
  copy_tensor(out, call.in(o::self_));
  auto* counts = needs_counts(call) ? reinterpret_cast<int32_t*>(call.scratch()) : nullptr;
  if (counts != nullptr) std::fill_n(counts, out.numel, 0);
  const Fold fold = fold_of(reduce);
  at.seek(0);
  for (int64_t p = 0; p < index.numel; ++p, at.next()) {
    const int64_t place = at[2] + index_at(index, at[0]) * step;
    const bool first = counts != nullptr && counts[place]++ == 0 && !include_self;
    std::byte* to = out.data + place * item;
    const std::byte* from = src.data + at[1] * item;
    if (first || reduce == Reduce::none) {
      copy_item(to, from, item);
    } else {
      combine(fold, out.dtype, to, from);
    }
  }
  if (reduce == Reduce::mean) {
    divide_by_counts(out.dtype, out.data, counts, out.numel, include_self ? 1 : 0);
  }
  return Code::ok;
}

}  // namespace

WTW_KERNEL(gather, check_gather, run_gather);
WTW_KERNEL(scatter, check_scatter, run_scatter);

}  // namespace wtw
