// argmax and argmin: where the first largest or smallest element (or the first NaN) of each line
// along one axis lies.
#include <algorithm>
#include <bit>

#include "core/convert.h"
#include "kernels/axis.h"
#include "kernels/reduction.h"
#include "kernels/rows.h"
#include "ops.h"

namespace wtw {
namespace {

using namespace reduction;
using simd::f32x4;

// What is known of a tile: each column's extreme, and its index along the axis.
struct Found {
  Totals extremes;
  int64_t index[kColumns];
  int64_t position;  // along the axis, of the next lines
};

template <class T>
void add_columns(Fold fold, const Lines& lines, T* extremes, Found& found) {
  for (int64_t r = 0; r < lines.count; ++r) {
    const T* line = lines.line<T>(r);
    for (int64_t i = 0; i < lines.length; ++i) {
      if (!beats(fold, line[i], extremes[i])) continue;
      extremes[i] = line[i];
      found.index[i] = found.position + r;
    }
  }
}

template <class T, class Total>
int64_t find_number(const Lines& lines, Total wanted) {
  const T* x = lines.line<T>(0);
  return std::find_if(x, x + lines.length, [&](T v) { return v == wanted || is_nan(v); }) - x;
}

// The extreme of the line first, in vectors; then its index, where it beats those before.
template <class Total>
void add_row(Fold fold, DType compute, const Lines& lines, const Total* extreme, Found& found) {
  const Total before = *extreme;
  add_lines(fold, compute, lines, found.extremes);
  if (!beats(fold, *extreme, before)) return;
  const int64_t at = compute == DType::float32 ? find_number<float>(lines, *extreme)
                                               : find_number<Total>(lines, *extreme);
  found.index[0] = found.position + at;
}

template <class Total>
void add(Fold fold, DType compute, const Lines& lines, Total* extremes, Found& found) {
  if (lines.columns) {
    add_columns(fold, lines, extremes, found);
  } else {
    add_row(fold, compute, lines, extremes, found);
  }
  found.position += lines.columns ? lines.count : lines.length;
}

// Where the first extreme of a contiguous row, or its first NaN, lies.
template <Fold fold>
int64_t find_extreme(const float* x, int64_t n) {
  const auto join = fold == Fold::max ? simd::max_fast : simd::min_fast;
  const float start = identity<float>(fold);
  f32x4 nan = simd::splat(0);
  const auto step = [&](f32x4 acc, f32x4 v) {
    nan = wasm_v128_or(nan, wasm_f32x4_ne(v, v));
    return join(acc, v);
  };
  alignas(16) float lanes[4];
  simd::store(lanes, rows::fold(x, n, simd::splat(start), start, step, join));
  const bool any_nan = wasm_v128_any_true(nan);
  const float wanted =
      wtw::join<fold>(wtw::join<fold>(lanes[0], lanes[1]), wtw::join<fold>(lanes[2], lanes[3]));
  const f32x4 all = simd::splat(wanted);
  int64_t i = 0;
  for (; i + 4 <= n; i += 4) {
    const f32x4 v = simd::load(x + i);
    const auto found = wasm_i32x4_bitmask(any_nan ? wasm_f32x4_ne(v, v) : wasm_f32x4_eq(v, all));
    if (found != 0) return i + std::countr_zero(static_cast<uint32_t>(found));
  }
  while (i + 1 < n && (any_nan ? x[i] == x[i] : x[i] != wanted)) ++i;
  return i;
}

template <Fold fold>
Code run(Call& call) {
  const Tensor &x = call.in(op::argmax::input_), &y = call.out();
  const int64_t dim = call.integer(op::argmax::dim_);
  if (x.numel == 0) return Code::ok;
  Walk walk = walk_of(x, {&dim, static_cast<size_t>(x.rank > 0)});
  if (!walk.columns) walk.width = 1;  // an index belongs to one row
  DType compute = widened(x.dtype);
  if (walk.columns && compute == DType::float32) compute = DType::float64;
  const bool contiguous = x.dtype == DType::float32 && !walk.columns && walk.along.steps[0] == 1;
  for_tiles(walk, [&](const Tile& tile) {
    if (contiguous) {
      const float* row = x.as<float>() + tile.base;
      y.as<int64_t>()[tile.place] = find_extreme<fold>(row, walk.along.size);
      return;
    }
    Buffer buffer;
    Found found;
    found.position = 0;
    start(fold, compute, found.extremes, tile.width);
    std::fill_n(found.index, tile.width, 0);
    for_lines(x, walk, tile, compute, false, buffer, [&](const Lines& lines) {
      if (compute == DType::int64) {
        add(fold, compute, lines, found.extremes.integer, found);
      } else {
        add(fold, compute, lines, found.extremes.real, found);
      }
    });
    std::copy_n(found.index, tile.width, y.as<int64_t>() + tile.place);
  });
  return Code::ok;
}

Code check(Call& call) {
  const Tensor &x = call.in(op::argmax::input_), &y = call.out();
  const int64_t dim = call.integer(op::argmax::dim_);
  WTW_CHECK(is_axis(x, dim));
  const std::span<const int64_t> dims = {&dim, static_cast<size_t>(x.rank > 0)};
  WTW_CHECK(fits(x, dims, call.flag(op::argmax::keepdim_), y) && (x.numel > 0 || y.numel == 0));
  return Code::ok;
}
}  // namespace

// argmin has the operands and attributes of argmax.
WTW_KERNEL(argmax, check, run<Fold::max>);
WTW_KERNEL(argmin, check, run<Fold::min>);

}  // namespace wtw
