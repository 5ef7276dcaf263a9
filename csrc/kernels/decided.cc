// Operators whose results are as long as the data decides: room for the most that there can be,
// padded with zeros, and a count.
#include <algorithm>
#include <cstdint>

#include "core/kernel.h"
#include "kernels/axis.h"
#include "kernels/indices.h"
#include "kernels/odometer.h"
#include "kernels/sort_key.h"
#include "ops.h"

namespace wtw {
namespace {

constexpr uint64_t kNan = ~uint64_t{0};

bool is_count(const Tensor& t) { return t.rank == 0; }

// The key of 0 in a tensor's dtype.
uint64_t zero_key(Tensor t) {
  int64_t zero = 0;
  t.data = reinterpret_cast<std::byte*>(&zero);
  return sort_key(t, 0);
}

Code check_nonzero(Call& call) {
  const Tensor& in = call.in(0);
  WTW_CHECK(has_shape(call.out(0), {in.numel, in.rank}) && is_count(call.out(1)));
  return Code::ok;
}

// Writes a position, axis by axis.
void write_position(const Tensor& in, int64_t flat, int64_t* to) {
  for (int axis = in.rank - 1; axis >= 0; --axis) {
    to[axis] = flat % in.shape[axis];
    flat /= in.shape[axis];
  }
}

Code run_nonzero(Call& call) {
  const Tensor& in = call.in(0);
  auto* const indices = call.out(0).as<int64_t>();
  Odometer<1> at;
  for (int axis = 0; axis < in.rank; ++axis) at.add(in.shape[axis], {in.stride[axis]});
  const uint64_t zero = zero_key(in);
  int64_t count = 0;
  for (int64_t i = 0; i < in.numel; ++i, at.next()) {
    if (sort_key(in, at[0]) != zero) write_position(in, i, indices + in.rank * count++);
  }
  std::fill(indices + in.rank * count, indices + in.rank * in.numel, 0);
  *call.out(1).as<int64_t>() = count;
  return Code::ok;
}

// The elements of two lines along the first axis, in logical order.
struct Lines {
  const Tensor& in;
  Odometer<1> inside;

  explicit Lines(const Tensor& t) : in(t) {
    for (int axis = 1; axis < t.rank; ++axis) inside.add(t.shape[axis], {t.stride[axis]});
  }

  // Below, equal or above 0 as line a is before, the same as or behind b; NaN equals nothing where
  // `distinct`.
  int compare(int64_t a, int64_t b, bool distinct) const {
    Odometer<1> at = inside;
    for (int64_t i = 0; i < inside.positions(); ++i, at.next()) {
      const uint64_t x = sort_key(in, a * in.stride[0] + at[0]);
      const uint64_t y = sort_key(in, b * in.stride[0] + at[0]);
      if (x != y || (distinct && x == kNan)) return x < y ? -1 : 1;
    }
    return 0;
  }
};

Code check_distinct(Call& call) {
  const Tensor& in = call.in(0);
  WTW_CHECK(in.rank >= 1 && is_count(call.out(3)));
  for (int o = 0; o < 3; ++o) WTW_CHECK(has_shape(call.out(o), {in.shape[0]}));
  return Code::ok;
}

Code run_distinct(Call& call) {
  const int64_t n = call.in(0).shape[0];
  const Lines lines(call.in(0));
  auto* const first = call.out(0).as<int64_t>();
  auto* const groups = call.out(1).as<int64_t>();
  auto* const counts = call.out(2).as<int64_t>();
  std::fill_n(first, n, 0);
  std::fill_n(counts, n, 0);
  int64_t count = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (i == 0 || lines.compare(i - 1, i, true) != 0) first[count++] = i;
    groups[i] = count - 1;
    ++counts[count - 1];
  }
  *call.out(3).as<int64_t>() = count;
  return Code::ok;
}

Code check_sort_rows(Call& call) {
  const Tensor& in = call.in(0);
  WTW_CHECK(in.rank == 2 && has_shape(call.out(), {in.shape[0]}));
  return Code::ok;
}

Code run_sort_rows(Call& call) {
  const int64_t n = call.in(0).shape[0];
  const Lines lines(call.in(0));
  auto* const order = call.out().as<int64_t>();
  for (int64_t i = 0; i < n; ++i) order[i] = i;
  std::sort(order, order + n, [&](int64_t a, int64_t b) {
    const int compared = lines.compare(a, b, false);
    return compared < 0 || (compared == 0 && a < b);
  });
  return Code::ok;
}

Code check_repeat_interleave(Call& call) {
  WTW_CHECK(call.in(0).rank == 1);
  WTW_CHECK(has_shape(call.out(), {call.integer(op::repeat_interleave::size_)}));
  return Code::ok;
}

Code run_repeat_interleave(Call& call) {
  const Tensor& repeats = call.in(0);
  auto* const out = call.out().as<int64_t>();
  int64_t at = 0;
  for (int64_t i = 0; i < repeats.numel; ++i) {
    const int64_t times = index_at(repeats, i * repeats.stride[0]), room = call.out().numel - at;
    if (times < 0 || times > room) {
      return call.fail(Code::index_out_of_range, __LINE__, 0, times, room);
    }
    std::fill_n(out + at, times, i);
    at += times;
  }
  if (at == call.out().numel) return Code::ok;
  return call.fail(Code::index_out_of_range, __LINE__, 0, at, call.out().numel);
}

}  // namespace

WTW_KERNEL(nonzero, check_nonzero, run_nonzero);
WTW_KERNEL(distinct, check_distinct, run_distinct);
WTW_KERNEL(sort_rows, check_sort_rows, run_sort_rows);
WTW_KERNEL(repeat_interleave, check_repeat_interleave, run_repeat_interleave);

}  // namespace wtw
