// linalg_matrix_exp: matrices (..., N, N) in, their exponentials out; linalg_svdvals: matrices
// (..., K, N) of no more rows than columns in, singular values (..., K) out, in descending order.
#include <cmath>
#include <utility>

#include "kernels/linalg.h"
#include "ops.h"

namespace wtw {
namespace {

using namespace linalg;

constexpr int kDegree = 16;      // of the Taylor polynomial: exact to 2e-20 for norms up to 1/2
constexpr int kMostSweeps = 40;  // of Jacobi rotations; 10 are usual
constexpr double kOrthogonal = 1e-15;

// out = x @ y, all (n, n).
void multiply(const double* x, const double* y, double* out, int64_t n) {
  std::fill_n(out, n * n, 0.0);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t k = 0; k < n; ++k) {
      for (int64_t j = 0; j < n; ++j) out[i * n + j] += x[i * n + k] * y[k * n + j];
    }
  }
}

// The largest sum of magnitudes of a row.
double norm_of(const double* a, int64_t n) {
  double norm = 0;
  for (int64_t i = 0; i < n; ++i) {
    double sum = 0;
    for (int64_t j = 0; j < n; ++j) sum += std::abs(a[i * n + j]);
    if (sum > norm || std::isnan(sum)) norm = sum;  // NaN stays
  }
  return norm;
}

// Scaling and squaring: exp(a) = exp(a / 2^s)^(2^s). The result lies in `x` or in `y`, which are
// room for a matrix each.
const double* exponential(double* a, double* x, double* y, int64_t n) {
  const double norm = norm_of(a, n);
  if (!std::isfinite(norm)) {
    std::fill_n(x, n * n, NAN);
    return x;
  }
  const int squarings = std::max(0, std::ilogb(std::max(norm, 0x1p-1)) + 2);
  for (int64_t i = 0; i < n * n; ++i) a[i] = std::ldexp(a[i], -squarings);
  const auto add_identity = [n](double* m) {
    for (int64_t i = 0; i < n; ++i) m[i * (n + 1)] += 1;
  };
  std::fill_n(x, n * n, 0.0);
  add_identity(x);
  for (int k = kDegree; k > 0; --k) {  // Horner: 1 + a / k (...)
    multiply(a, x, y, n);
    for (int64_t i = 0; i < n * n; ++i) y[i] /= k;
    add_identity(y);
    std::swap(x, y);
  }
  for (int i = 0; i < squarings; ++i) {
    multiply(x, x, y, n);
    std::swap(x, y);
  }
  return x;
}

Code check_exp(Call& call) {
  const Tensor &a = call.in(0), &y = call.out();
  WTW_CHECK(is_square(a) && same_shape(a, y) && a.dtype == y.dtype);
  if (a.numel > 0) call.need_worker_scratch(3 * a.size(-1) * a.size(-1) * int64_t{sizeof(double)});
  return Code::ok;
}

Code run_exp(Call& call) {
  const Tensor &a = call.in(0), &y = call.out();
  if (a.numel == 0) return Code::ok;
  const int64_t n = a.size(-1), size = n * n;
  for_each(call, a.numel / size, 20.0 * size * n, [&](int64_t i, double* matrix) {
    load(a, i, size, matrix);
    store(y, i, size, exponential(matrix, matrix + size, matrix + 2 * size, n));
  });
  return Code::ok;
}

double dot(const double* x, const double* y, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += x[i] * y[i];
  return sum;
}

// Makes two rows orthogonal; false where they were.
bool rotate(double* x, double* y, int64_t n) {
  const double a = dot(x, x, n), b = dot(y, y, n), c = dot(x, y, n);
  if (!(std::abs(c) > kOrthogonal * std::sqrt(a) * std::sqrt(b))) return false;
  const double z = (b - a) / (2 * c);
  const double t = std::copysign(1 / (std::abs(z) + std::sqrt(1 + z * z)), z);
  const double cosine = 1 / std::sqrt(1 + t * t), sine = cosine * t;
  for (int64_t i = 0; i < n; ++i) {
    const double from_x = x[i], from_y = y[i];
    x[i] = cosine * from_x - sine * from_y;
    y[i] = sine * from_x + cosine * from_y;
  }
  return true;
}

// One-sided Jacobi: rotations of the rows (k, n) until all are orthogonal; then their lengths are
// the singular values.
void singular_values(double* rows, int64_t k, int64_t n, double* values) {
  bool turned = true;
  for (int sweep = 0; turned && sweep < kMostSweeps; ++sweep) {
    turned = false;
    for (int64_t p = 0; p < k; ++p) {
      for (int64_t q = p + 1; q < k; ++q) turned |= rotate(rows + p * n, rows + q * n, n);
    }
  }
  for (int64_t p = 0; p < k; ++p) values[p] = std::sqrt(dot(rows + p * n, rows + p * n, n));
  for (int64_t p = 1; p < k; ++p) {  // insertion keeps NaN where it is
    for (int64_t q = p; q > 0 && values[q] > values[q - 1]; --q)
      std::swap(values[q], values[q - 1]);
  }
}

Code check_svdvals(Call& call) {
  const Tensor &a = call.in(0), &s = call.out();
  WTW_CHECK(a.rank >= 2 && a.dtype == s.dtype && a.size(-2) <= a.size(-1));
  WTW_CHECK(follows(s, a, 2, {a.size(-2)}));
  if (a.numel > 0)
    call.need_worker_scratch(a.size(-2) * (a.size(-1) + 1) * int64_t{sizeof(double)});
  return Code::ok;
}

Code run_svdvals(Call& call) {
  const Tensor &a = call.in(0), &s = call.out();
  if (a.numel == 0) return Code::ok;
  const int64_t k = a.size(-2), n = a.size(-1);
  for_each(call, a.numel / (k * n), 30.0 * k * k * n, [&](int64_t i, double* matrix) {
    load(a, i, k * n, matrix);
    singular_values(matrix, k, n, matrix + k * n);
    store(s, i, k, matrix + k * n);
  });
  return Code::ok;
}

}  // namespace

WTW_KERNEL(linalg_matrix_exp, check_exp, run_exp);
WTW_KERNEL(linalg_svdvals, check_svdvals, run_svdvals);

}  // namespace wtw
