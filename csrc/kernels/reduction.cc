// sum, mean, prod, amax, amin, any, all, var and linalg_vector_norm: a tensor in, the fold of each
// of its lines along some axes out.
//
// A reduction is a map of elements, a fold and a last step: the norm squares, sums and takes the
// root; `all` is the minimum of (x != 0).
#include "kernels/reduction.h"

#include <algorithm>
#include <cmath>

#include "core/convert.h"
#include "ops.h"

namespace wtw {
namespace {

using namespace reduction;

// squared: the square of the distance from a center, which is the mean or 0.
enum class Map : uint8_t { none, nonzero, absolute, power, squared };
enum class Last : uint8_t { none, mean, root, variance };

struct Spec {
  Fold fold;
  Map map = Map::none;
  Last last = Last::none;
  double parameter = 0;  // exponent of power and root, correction of variance

  // The type that elements are mapped and folded in: float32 where vectors do it.
  DType compute(DType dtype) const {
    const DType wide = widened(dtype);
    const bool vectors = fold != Fold::prod && (map == Map::none || map == Map::squared);
    return wide == DType::float32 && !vectors ? DType::float64 : wide;
  }
};

// x = f(x, center of its column or row) for the elements of lines, which lie in a buffer.
template <class T, class F>
[[gnu::noinline, clang::minsize]] void for_elements(const Lines& lines, T* buffer,
                                                    const Totals& centers, F&& f) {
  for (int64_t r = 0; r < lines.count; ++r) {
    T* line = buffer + r * lines.pitch;
    for (int64_t i = 0; i < lines.length; ++i) {
      line[i] = f(line[i], centers.real[lines.columns ? i : r]);
    }
  }
}

void map_lines(const Spec& spec, DType compute, const Lines& lines, Buffer& buffer,
               const Totals& centers) {
  const auto each = [&](auto&& f) { for_elements(lines, buffer.as<double>(), centers, f); };
  if (compute == DType::int64) {
    return for_elements(lines, buffer.as<int64_t>(), centers,
                        [](int64_t v, double) { return v != 0; });
  }
  switch (spec.map) {
    case Map::none:
      return;
    case Map::nonzero:
      return each([](double v, double) { return v != 0; });
    case Map::absolute:
      return each([](double v, double) { return std::abs(v); });
    case Map::squared:
      return each([](double v, double c) { return (v - c) * (v - c); });
    case Map::power:
      return each([p = spec.parameter](double v, double) { return std::pow(std::abs(v), p); });
  }
}

// The last step of floats; integers have none.
void finish(const Spec& spec, int64_t count, double* totals, int64_t width) {
  const double n = static_cast<double>(count), degrees = std::max(0.0, n - spec.parameter);
  for (double* total = totals; total < totals + width; ++total) {
    switch (spec.last) {
      case Last::none:
        break;
      case Last::mean:
        *total /= n;
        break;
      case Last::variance:
        *total /= degrees;
        break;
      case Last::root:
        *total = spec.parameter == 2 ? std::sqrt(*total) : std::pow(*total, 1 / spec.parameter);
    }
  }
}

void fold_tile(const Tensor& x, const Walk& walk, const Spec& spec, const Tile& tile,
               const Totals& centers, Totals& totals) {
  const DType compute = spec.compute(x.dtype);
  const bool squares = spec.map == Map::squared && compute == DType::float32;
  const bool mapped = spec.map != Map::none && !squares;
  Buffer buffer;
  start(spec.fold, compute, totals, tile.width);
  for_lines(x, walk, tile, compute, mapped, buffer, [&](const Lines& lines) {
    if (squares) return add_squares(lines, centers, totals);
    if (mapped) map_lines(spec, compute, lines, buffer, centers);
    add_lines(spec.fold, compute, lines, totals);
  });
  if (compute != DType::int64) finish(spec, walk.count, totals.real, tile.width);
}

void store_totals(const Tensor& x, const Tensor& y, int64_t place, const Totals& totals,
                  int64_t width) {
  const DType type = is_floating(x.dtype) ? DType::float64 : DType::int64;
  store_as(y.dtype, y.data + place * size_of(y.dtype), type, &totals, width);
}

// Every element of the output is the fold of nothing; the extremes of nothing are those of truth
// values: none is true, all are.
void reduce_nothing(const Tensor& x, const Tensor& y, const Spec& spec) {
  for (int64_t i = 0; i < y.numel; ++i) {
    Totals totals;
    const bool extreme = spec.fold == Fold::max || spec.fold == Fold::min;
    start(extreme ? Fold::sum : spec.fold, spec.compute(x.dtype), totals, 1);
    if (is_floating(x.dtype)) finish(spec, 0, totals.real, 1);
    if (spec.fold == Fold::min) start(Fold::prod, spec.compute(x.dtype), totals, 1);
    store_totals(x, y, i, totals, 1);
  }
}

// Every reduction has these two attributes first.
std::span<const int64_t> dims_of(const Call& call) { return call.integers(op::sum::dim_); }
bool keeps_dim(const Call& call) { return call.flag(op::sum::keepdim_); }

Code run(Call& call) {
  const Tensor &x = call.in(0), &y = call.out();
  const Spec spec = call.memo<Spec>();
  if (x.numel == 0) {
    reduce_nothing(x, y, spec);
    return Code::ok;
  }
  const Walk walk = walk_of(x, dims_of(call));
  for_tiles(walk, [&](const Tile& tile) {
    Totals totals, centers;
    std::fill_n(centers.real, tile.width, 0.0);
    if (spec.last == Last::variance) {
      fold_tile(x, walk, {Fold::sum, Map::none, Last::mean}, tile, centers, centers);
    }
    fold_tile(x, walk, spec, tile, centers, totals);
    store_totals(x, y, tile.place, totals, tile.width);
  });
  return Code::ok;
}

Code check_reduction(Call& call, const Spec& spec, DType out) {
  const Tensor &x = call.in(0), &y = call.out();
  WTW_CHECK(fits(x, dims_of(call), keeps_dim(call), y) && y.dtype == out);
  const bool needs_elements =
      (spec.fold == Fold::max || spec.fold == Fold::min) && spec.map != Map::nonzero;
  WTW_CHECK(!needs_elements || x.numel > 0 || y.numel == 0);
  call.memo<Spec>() = spec;
  return Code::ok;
}

template <Fold fold, Last last = Last::none>
Code check_sum(Call& call) {
  const DType in = call.in(0).dtype;
  return check_reduction(call, {fold, Map::none, last}, is_floating(in) ? in : DType::int64);
}

template <Fold fold>
Code check_extreme(Call& call) {
  return check_reduction(call, {fold}, call.in(0).dtype);
}

template <Fold fold>
Code check_truth(Call& call) {
  const DType out = call.in(0).dtype == DType::uint8 ? DType::uint8 : DType::boolean;
  return check_reduction(call, {fold, Map::nonzero}, out);
}

Code check_var(Call& call) {
  const double correction = call.real(op::var::correction_);
  const Spec spec = {Fold::sum, Map::squared, Last::variance, correction};
  return check_reduction(call, spec, call.in(0).dtype);
}

Code check_norm(Call& call) {
  const double ord = call.real(op::linalg_vector_norm::ord_);
  Spec spec = {Fold::sum, Map::power, Last::root, ord};
  if (std::isinf(ord)) spec = {ord > 0 ? Fold::max : Fold::min, Map::absolute};
  if (ord == 0) spec = {Fold::sum, Map::nonzero};
  if (ord == 1) spec = {Fold::sum, Map::absolute};
  if (ord == 2) spec.map = Map::squared;
  return check_reduction(call, spec, call.in(0).dtype);
}
}  // namespace

WTW_KERNEL(sum, check_sum<Fold::sum>, run);
WTW_KERNEL(mean, (check_sum<Fold::sum, Last::mean>), run);
WTW_KERNEL(prod, check_sum<Fold::prod>, run);
WTW_KERNEL(amax, check_extreme<Fold::max>, run);
WTW_KERNEL(amin, check_extreme<Fold::min>, run);
WTW_KERNEL(any, check_truth<Fold::max>, run);
WTW_KERNEL(all, check_truth<Fold::min>, run);
WTW_KERNEL(var, check_var, run);
WTW_KERNEL(linalg_vector_norm, check_norm, run);

}  // namespace wtw
