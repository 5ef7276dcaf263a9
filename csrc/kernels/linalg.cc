// linalg_lu_factor, linalg_cholesky: matrices (..., M, N) in, their factors and what went wrong
// out; lu_permutation: pivots (..., K) in, permutations (..., M) out.
#include "kernels/linalg.h"

#include <cmath>

#include "ops.h"

namespace wtw {
namespace {

using namespace linalg;

// In place, as LAPACK's getrf: the unit lower factor below the diagonal, the upper one from it on;
// row k was swapped with row pivots[k], counted from 1. The first zero pivot, counted from 1, or 0.
int32_t factor_lu(double* a, int64_t m, int64_t n, int32_t* pivots) {
  int32_t info = 0;
  for (int64_t k = 0; k < std::min(m, n); ++k) {
    int64_t best = k;
    for (int64_t i = k + 1; i < m; ++i) {
      if (std::abs(a[i * n + k]) > std::abs(a[best * n + k])) best = i;
    }
    pivots[k] = static_cast<int32_t>(best + 1);
    double* top = a + k * n;
    if (best != k) std::swap_ranges(top, top + n, a + best * n);
    if (top[k] == 0) {
      if (info == 0) info = static_cast<int32_t>(k + 1);
      continue;
    }
    for (int64_t i = k + 1; i < m; ++i) {
      double* row = a + i * n;
      const double factor = row[k] /= top[k];
      for (int64_t j = k + 1; j < n; ++j) row[j] -= factor * top[j];
    }
  }
  return info;
}

// In place: the lower factor; zeros above. The first leading minor that is not positive, or 0.
int32_t factor_cholesky(double* a, int64_t n) {
  int32_t info = 0;
  for (int64_t j = 0; j < n; ++j) {
    double* top = a + j * n;
    for (int64_t i = j; i < n && info == 0; ++i) {
      double* row = a + i * n;
      for (int64_t k = 0; k < j; ++k) row[j] -= row[k] * top[k];
      if (i > j) {
        row[j] /= top[j];
      } else if (top[j] > 0) {
        top[j] = std::sqrt(top[j]);
      } else {
        info = static_cast<int32_t>(j + 1);
      }
    }
    std::fill(top + j + 1, top + n, 0.0);
  }
  return info;
}

Code check_lu(Call& call) {
  const Tensor &a = call.in(0), &lu = call.out(0);
  WTW_CHECK(a.rank >= 2 && same_shape(a, lu) && a.dtype == lu.dtype);
  WTW_CHECK(std::max(a.size(-1), a.size(-2)) < INT32_MAX);
  WTW_CHECK(follows(call.out(1), a, 2, {std::min(a.size(-1), a.size(-2))}));
  WTW_CHECK(follows(call.out(2), a, 2, {}));
  if (a.numel > 0) call.need_worker_scratch(a.size(-1) * a.size(-2) * int64_t{sizeof(double)});
  return Code::ok;
}

Code run_lu(Call& call) {
  const Tensor &a = call.in(0), &lu = call.out(0);
  const int64_t m = a.size(-2), n = a.size(-1), least = std::min(m, n);
  const bool raises = call.flag(op::linalg_lu_factor::raises_);
  int32_t *pivots = call.out(1).as<int32_t>(), *info = call.out(2).as<int32_t>();
  if (a.numel == 0) std::fill_n(info, call.out(2).numel, 0);
  const double operations = static_cast<double>(m) * n * least;
  for_each(call, a.numel == 0 ? 0 : call.out(2).numel, operations, [&](int64_t i, double* matrix) {
    load(a, i, m * n, matrix);
    info[i] = factor_lu(matrix, m, n, pivots + i * least);
    if (raises && info[i] != 0) call.fail(Code::matrix_singular, __LINE__, 0, i, info[i]);
    store(lu, i, m * n, matrix);
  });
  return call.status();
}

Code check_cholesky(Call& call) {
  const Tensor &a = call.in(0), &l = call.out(0);
  WTW_CHECK(is_square(a) && same_shape(a, l) && a.dtype == l.dtype && a.size(-1) < INT32_MAX);
  WTW_CHECK(follows(call.out(1), a, 2, {}));
  if (a.numel > 0) call.need_worker_scratch(a.size(-1) * a.size(-1) * int64_t{sizeof(double)});
  return Code::ok;
}

Code run_cholesky(Call& call) {
  const Tensor &a = call.in(0), &l = call.out(0);
  const int64_t n = a.size(-1);
  const bool raises = call.flag(op::linalg_cholesky::raises_);
  int32_t* info = call.out(1).as<int32_t>();
  if (a.numel == 0) std::fill_n(info, call.out(1).numel, 0);
  const double operations = static_cast<double>(n) * n * n;
  for_each(call, a.numel == 0 ? 0 : call.out(1).numel, operations, [&](int64_t i, double* matrix) {
    load(a, i, n * n, matrix);
    info[i] = factor_cholesky(matrix, n);
    if (raises && info[i] != 0) call.fail(Code::matrix_not_definite, __LINE__, 0, i, info[i]);
    store(l, i, n * n, matrix);
  });
  return call.status();
}

Code check_permutation(Call& call) {
  const Tensor &pivots = call.in(0), &order = call.out();
  WTW_CHECK(pivots.rank >= 1 && order.rank >= 1 && pivots.size(-1) <= order.size(-1));
  WTW_CHECK(follows(order, pivots, 1, {order.size(-1)}));
  return Code::ok;
}

// order[i]: the row of the matrix that row i of its factors comes from.
Code run_permutation(Call& call) {
  const Tensor &pivots = call.in(0), &order = call.out();
  if (order.numel == 0) return Code::ok;
  const int64_t k = pivots.size(-1), m = order.size(-1);
  for (int64_t i = 0; i < order.numel / m; ++i) {
    int64_t* row = order.as<int64_t>() + i * m;
    for (int64_t j = 0; j < m; ++j) row[j] = j;
    for (int64_t j = 0; j < k; ++j) {
      const int64_t other = pivots.as<int32_t>()[i * k + j] - int64_t{1};
      if (other < 0 || other >= m) {
        return call.fail(Code::index_out_of_range, __LINE__, 0, other, m);
      }
      std::swap(row[j], row[other]);
    }
  }
  return Code::ok;
}

}  // namespace

WTW_KERNEL(linalg_lu_factor, check_lu, run_lu);
WTW_KERNEL(linalg_cholesky, check_cholesky, run_cholesky);
WTW_KERNEL(lu_permutation, check_permutation, run_permutation);

}  // namespace wtw
