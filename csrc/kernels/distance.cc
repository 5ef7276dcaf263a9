// cdist: points (..., P, M) and (..., R, M) in, distances (..., P, R) out; pdist: points (N, M) in,
// the distances of all pairs (N (N - 1) / 2) out. Sums are float64.
#include <algorithm>
#include <cmath>

#include "core/kernel.h"
#include "kernels/axis.h"
#include "ops.h"

namespace wtw {
namespace {

constexpr int64_t kGrain = 16 << 10;  // differences of a chunk

enum class Norm : uint8_t { zero, one, two, largest, largest_number, other };

// `infinite` is what p = inf stands for.
Norm norm_of(double p, Norm infinite) {
  if (p == 0) return Norm::zero;
  if (p == 1) return Norm::one;
  if (p == 2) return Norm::two;
  return std::isinf(p) ? infinite : Norm::other;
}

// What differences add up to; NaN stays, but for the largest number.
double join(Norm norm, double p, double total, double difference) {
  switch (norm) {
    case Norm::zero:
      return total + (difference != difference ? difference : difference != 0);
    case Norm::one:
      return total + difference;
    case Norm::two:
      return total + difference * difference;
    case Norm::largest:
      return difference > total || difference != difference ? difference : total;
    case Norm::largest_number:
      return std::max(total, difference);
    case Norm::other:
      return total + std::pow(difference, p);
  }
}

double root(Norm norm, double p, double total) {
  if (norm == Norm::two) return std::sqrt(total);
  return norm == Norm::other ? std::pow(total, 1 / p) : total;
}

template <class T>
double distance(Norm norm, double p, const T* x, const T* y, int64_t n) {
  double total = 0;
  for (int64_t i = 0; i < n; ++i) {
    total = join(norm, p, total, std::abs(static_cast<double>(x[i]) - static_cast<double>(y[i])));
  }
  return root(norm, p, total);
}

// The distance of row i of x and row j of y.
double between(const Tensor& x, int64_t i, const Tensor& y, int64_t j, Norm norm, double p) {
  const int64_t n = x.size(-1);
  if (x.dtype == DType::float64) {
    return distance(norm, p, x.as<double>() + i * n, y.as<double>() + j * n, n);
  }
  return distance(norm, p, x.as<float>() + i * n, y.as<float>() + j * n, n);
}

void store(const Tensor& out, int64_t i, double value) {
  if (out.dtype == DType::float64) {
    out.as<double>()[i] = value;
  } else {
    out.as<float>()[i] = static_cast<float>(value);
  }
}

Code check_cdist(Call& call) {
  using namespace op::cdist;
  const Tensor &x = call.in(x1_), &y = call.in(x2_), &out = call.out();
  WTW_CHECK(x.rank >= 2 && x.rank == y.rank && x.rank == out.rank);
  WTW_CHECK(x.dtype == y.dtype && x.dtype == out.dtype && call.real(p_) >= 0);
  WTW_CHECK(std::equal(x.shape, x.shape + x.rank - 2, y.shape) && x.size(-1) == y.size(-1));
  WTW_CHECK(std::equal(x.shape, x.shape + x.rank - 1, out.shape) && out.size(-1) == y.size(-2));
  return Code::ok;
}

Code run_cdist(Call& call) {
  using namespace op::cdist;
  const Tensor &x = call.in(x1_), &y = call.in(x2_), &out = call.out();
  if (out.numel == 0) return Code::ok;
  const int64_t rows = x.size(-2), columns = y.size(-2), n = x.size(-1);
  const double p = call.real(p_);
  const Norm norm = norm_of(p, Norm::largest_number);
  const int64_t grain = kGrain / std::max<int64_t>(columns * n, 1);
  parallel_ranges(out.numel / columns, grain, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      for (int64_t j = 0; j < columns; ++j) {
        store(out, i * columns + j, between(x, i, y, i / rows * columns + j, norm, p));
      }
    }
  });
  return Code::ok;
}

Code check_pdist(Call& call) {
  using namespace op::pdist;
  const Tensor &x = call.in(input_), &out = call.out();
  WTW_CHECK(x.rank == 2 && out.rank == 1 && x.dtype == out.dtype && call.real(p_) >= 0);
  WTW_CHECK(x.size(0) < (int64_t{1} << 31));
  WTW_CHECK(out.size(0) == x.size(0) * (x.size(0) - 1) / 2);
  return Code::ok;
}

Code run_pdist(Call& call) {
  using namespace op::pdist;
  const Tensor &x = call.in(input_), &out = call.out();
  const int64_t rows = x.size(0), n = x.size(1);
  const double p = call.real(p_);
  const Norm norm = norm_of(p, Norm::largest);
  const int64_t grain = kGrain / std::max<int64_t>(rows * n, 1);
  parallel_ranges(out.numel == 0 ? 0 : rows, grain, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      // Before row i: rows - 1, rows - 2 ... pairs of the rows above.
      const int64_t first = i * (2 * rows - i - 1) / 2;
      for (int64_t j = i + 1; j < rows; ++j)
        store(out, first + j - i - 1, between(x, i, x, j, norm, p));
    }
  });
  return Code::ok;
}

}  // namespace

WTW_KERNEL(cdist, check_cdist, run_cdist);
WTW_KERNEL(pdist, check_pdist, run_pdist);

}  // namespace wtw
