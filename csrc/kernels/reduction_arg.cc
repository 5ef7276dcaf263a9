// argmax and argmin: where the first largest or smallest element (or the first NaN) of each line
// along one axis lies. The smallest is the largest in reversed order.
#include "kernels/reduction_fold.h"
#include "ops.h"

namespace wtw {
namespace {

using namespace reduction;

// Whether x takes the place of the best so far; a NaN does, and keeps it.
template <class T>
bool beats(T x, T best) {
  return !(x <= best) && !is_nan(best);
}

// What is known of a tile: each column's largest element, and its index along the axis.
template <class T>
struct Best {
  Total<T> value[kColumns];
  int64_t index[kColumns];
  int64_t position = 0;  // along the axis, of the next lines

  void add_columns(const Lines<T>& x) {
    for (int64_t r = 0; r < x.count; ++r) {
      for (int64_t i = 0; i < x.length; ++i) {
        const Total<T> v = x.data[r * x.pitch + i];
        if (!beats(v, value[i])) continue;
        value[i] = v;
        index[i] = position + r;
      }
    }
    position += x.count;
  }

  void add_row(const Lines<T>& x) {
    Total<T> largest = identity<T>(Fold::max);
    fold_lines(Fold::max, x, false, &largest);
    if (beats(largest, value[0])) {
      const auto equals = [&](T v) { return v == largest || is_nan(v); };
      value[0] = largest;
      index[0] = position + (std::find_if(x.data, x.data + x.length, equals) - x.data);
    }
    position += x.length;
  }
};

template <class T>
void find(const Tensor& x, const Tensor& y, int64_t dim, bool reversed) {
  const Walk walk = walk_of(x, {&dim, static_cast<size_t>(x.rank > 0)});
  const bool columns = walk.across.size > 1;
  for_tiles(walk, [&](int64_t base, int64_t place, int64_t width) {
    alignas(16) T buffer[kBuffer];
    Best<T> best;
    std::fill_n(best.value, width, identity<T>(Fold::max));
    std::fill_n(best.index, width, 0);
    for_lines(x, walk, base, width, reversed, buffer, [&](const Lines<T>& lines) {
      if (reversed) for_elements(lines, buffer, [](T v, int64_t) { return reverse(v); });
      columns ? best.add_columns(lines) : best.add_row(lines);
    });
    std::copy_n(best.index, width, y.as<int64_t>() + place);
  });
}

Code check(Call& call) {
  const Tensor &x = call.in(op::argmax::input_), &y = call.out();
  const int64_t dim = call.integer(op::argmax::dim_);
  WTW_CHECK(is_axis(x, dim));
  const std::span<const int64_t> dims = {&dim, static_cast<size_t>(x.rank > 0)};
  WTW_CHECK(fits(x, dims, call.flag(op::argmax::keepdim_), y) && (x.numel > 0 || y.numel == 0));
  return Code::ok;
}

template <bool reversed>
Code run(Call& call) {
  const Tensor &x = call.in(op::argmax::input_), &y = call.out();
  const int64_t dim = call.integer(op::argmax::dim_);
  if (x.numel == 0) return Code::ok;
  switch (widened(x.dtype)) {
    case DType::float32:
      find<float>(x, y, dim, reversed);
      break;
    case DType::float64:
      find<double>(x, y, dim, reversed);
      break;
    default:
      find<int64_t>(x, y, dim, reversed);
      break;
  }
  return Code::ok;
}
}  // namespace

// argmin has the operands and attributes of argmax.
WTW_KERNEL(argmax, check, run<false>);
WTW_KERNEL(argmin, check, run<true>);

}  // namespace wtw
