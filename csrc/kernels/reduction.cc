// sum, mean, prod, amax, amin, any, all, var and linalg_vector_norm: a tensor in, the fold of each
// of its lines along some axes out.
//
// A reduction is a map of elements, a fold and a last step: the norm squares, sums and takes the
// root; `all` is the minimum of (x != 0), and a minimum is the reversed maximum of reversed
// elements.
#include "kernels/reduction.h"

#include <cmath>

#include "kernels/reduction_fold.h"
#include "ops.h"

namespace wtw {
namespace {

using namespace reduction;

enum class Map : uint8_t { none, nonzero, absolute, square, power, distance };
enum class Last : uint8_t { none, mean, root, variance };

struct Spec {
  Fold fold;
  Map map = Map::none;
  Last last = Last::none;
  bool reversed = false;  // order turned round: the largest is the smallest
  double parameter = 0;   // exponent of power and root, correction of variance
};

template <class T>
void map_lines(const Spec& spec, const Lines<T>& x, T* buffer, bool columns,
               const Total<T>* means) {
  const auto each = [&](auto&& f) { for_elements(x, buffer, f); };
  if (spec.map == Map::nonzero) each([](T v, int64_t) { return static_cast<T>(v != 0); });
  if constexpr (std::is_floating_point_v<T>) {
    switch (spec.map) {
      case Map::none:
      case Map::nonzero:
        break;
      case Map::absolute:
        each([](T v, int64_t) { return std::abs(v); });
        break;
      case Map::square:
        each([](T v, int64_t) { return v * v; });
        break;
      case Map::power:
        each([&](T v, int64_t) { return static_cast<T>(std::pow(std::abs(v), spec.parameter)); });
        break;
      case Map::distance:
        each([&](T v, int64_t i) {
          const T d = v - static_cast<T>(means[columns ? i : 0]);
          return d * d;
        });
    }
  }
  if (spec.reversed) each([](T v, int64_t) { return reverse(v); });
}

template <class T>
void finish(const Spec& spec, int64_t count, Total<T>* totals, int64_t width) {
  const double n = static_cast<double>(count);
  for (int64_t i = 0; i < width; ++i) {
    Total<T>& total = totals[i];
    if (spec.reversed) total = reverse(total);
    if constexpr (std::is_floating_point_v<T>) {
      switch (spec.last) {
        case Last::none:
          break;
        case Last::mean:
          total /= n;
          break;
        case Last::root:
          total = spec.parameter == 2 ? std::sqrt(total) : std::pow(total, 1 / spec.parameter);
          break;
        case Last::variance:
          total /= std::max(0.0, n - spec.parameter);
      }
    }
  }
}

template <class T>
void fold_tile(const Tensor& x, const Walk& walk, const Spec& spec, int64_t base, int64_t width,
               const Total<T>* means, Total<T>* totals) {
  alignas(16) T buffer[kBuffer];
  const bool columns = walk.across.size > 1, mapped = spec.map != Map::none || spec.reversed;
  std::fill(totals, totals + width, identity<T>(spec.fold));
  for_lines(x, walk, base, width, mapped, buffer, [&](const Lines<T>& lines) {
    if (mapped) map_lines(spec, lines, buffer, columns, means);
    fold_lines(spec.fold, lines, columns, totals);
  });
}

template <class T>
void reduce(const Tensor& x, const Tensor& y, std::span<const int64_t> dims, const Spec& spec) {
  const Walk walk = walk_of(x, dims);
  for_tiles(walk, [&](int64_t base, int64_t place, int64_t width) {
    Total<T> totals[kColumns], means[kColumns] = {};
    if (spec.map == Map::distance) {
      const Spec mean = {Fold::sum, Map::none, Last::mean};
      fold_tile<T>(x, walk, mean, base, width, nullptr, means);
      finish<T>(mean, walk.count, means, width);
    }
    fold_tile<T>(x, walk, spec, base, width, means, totals);
    finish<T>(spec, walk.count, totals, width);
    store_as(y.dtype, y.data + place * size_of(y.dtype), kCompute<Total<T>>, totals, width);
  });
}

// The reduction of no elements, for each element of the output.
template <class T>
void fill_empty(const Tensor& y, const Spec& spec) {
  for (int64_t i = 0; i < y.numel; ++i) {
    // Of extremes only those of truth values exist: none of nothing is true, all of it is.
    Total<T> total = spec.fold == Fold::max ? spec.reversed : identity<T>(spec.fold);
    if (spec.fold != Fold::max) finish<T>(spec, 0, &total, 1);
    store_as(y.dtype, y.data + i * size_of(y.dtype), kCompute<Total<T>>, &total, 1);
  }
}

// Every reduction has these two attributes first.
std::span<const int64_t> dims_of(const Call& call) { return call.integers(op::sum::dim_); }
bool keeps_dim(const Call& call) { return call.flag(op::sum::keepdim_); }

Code check_reduction(Call& call, const Spec& spec, DType out) {
  const Tensor &x = call.in(0), &y = call.out();
  WTW_CHECK(fits(x, dims_of(call), keeps_dim(call), y) && y.dtype == out);
  const bool extreme = spec.fold == Fold::max && spec.map != Map::nonzero;
  WTW_CHECK(!extreme || x.numel > 0 || y.numel == 0);
  call.memo<Spec>() = spec;
  return Code::ok;
}

template <Fold fold, Last last = Last::none>
Code check_sum(Call& call) {
  const DType in = call.in(0).dtype;
  return check_reduction(call, {fold, Map::none, last}, is_floating(in) ? in : DType::int64);
}

template <bool reversed>
Code check_extreme(Call& call) {
  return check_reduction(call, {Fold::max, Map::none, Last::none, reversed}, call.in(0).dtype);
}

template <bool reversed>
Code check_truth(Call& call) {
  const DType out = call.in(0).dtype == DType::uint8 ? DType::uint8 : DType::boolean;
  return check_reduction(call, {Fold::max, Map::nonzero, Last::none, reversed}, out);
}

Code check_var(Call& call) {
  const Spec spec = {Fold::sum, Map::distance, Last::variance, false,
                     call.real(op::var::correction_)};
  return check_reduction(call, spec, call.in(0).dtype);
}

Code check_norm(Call& call) {
  const double ord = call.real(op::linalg_vector_norm::ord_);
  Spec spec = {Fold::sum, Map::power, Last::root, false, ord};
  if (std::isinf(ord)) spec = {Fold::max, Map::absolute, Last::none, ord < 0};
  if (ord == 0) spec = {Fold::sum, Map::nonzero};
  if (ord == 1) spec = {Fold::sum, Map::absolute};
  if (ord == 2) spec.map = Map::square;
  return check_reduction(call, spec, call.in(0).dtype);
}

template <class T>
void run_in(Call& call) {
  const Tensor &x = call.in(0), &y = call.out();
  const Spec spec = call.memo<Spec>();
  if (x.numel == 0) return fill_empty<T>(y, spec);
  reduce<T>(x, y, dims_of(call), spec);
}

Code run(Call& call) {
  switch (widened(call.in(0).dtype)) {
    case DType::float32:
      run_in<float>(call);
      break;
    case DType::float64:
      run_in<double>(call);
      break;
    default:
      run_in<int64_t>(call);
      break;
  }
  return Code::ok;
}
}  // namespace

WTW_KERNEL(sum, check_sum<Fold::sum>, run);
WTW_KERNEL(mean, (check_sum<Fold::sum, Last::mean>), run);
WTW_KERNEL(prod, check_sum<Fold::prod>, run);
WTW_KERNEL(amax, check_extreme<false>, run);
WTW_KERNEL(amin, check_extreme<true>, run);
WTW_KERNEL(any, check_truth<false>, run);
WTW_KERNEL(all, check_truth<true>, run);
WTW_KERNEL(var, check_var, run);
WTW_KERNEL(linalg_vector_norm, check_norm, run);

}  // namespace wtw
