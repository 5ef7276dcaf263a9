// linalg_solve_triangular, linalg_lu_solve: factors (..., N, N) and right sides (..., N, K) in,
// solutions (..., N, K) out.
#include "kernels/linalg.h"
#include "ops.h"

namespace wtw {
namespace {

using namespace linalg;

// A triangle of a square matrix; steps in elements, so that it may be read as its transpose.
struct Triangle {
  const double* a;
  int64_t n, row, column;
  bool upper, unit;  // unit: the diagonal is read as ones

  Triangle transposed() const { return {a, n, column, row, !upper, unit}; }
};

// b (n, k) becomes the solution.
void solve(const Triangle& t, double* b, int64_t k) {
  for (int64_t step = 0; step < t.n; ++step) {
    const int64_t i = t.upper ? t.n - 1 - step : step;
    double* row = b + i * k;
    const int64_t begin = t.upper ? i + 1 : 0, end = t.upper ? t.n : i;
    for (int64_t j = begin; j < end; ++j) {
      const double factor = t.a[i * t.row + j * t.column];
      const double* known = b + j * k;
      for (int64_t c = 0; c < k; ++c) row[c] -= factor * known[c];
    }
    if (t.unit) continue;
    const double pivot = t.a[i * (t.row + t.column)];
    for (int64_t c = 0; c < k; ++c) row[c] /= pivot;
  }
}

// Factors and right sides of the same leading axes; room for one of each.
Code check_sides(Call& call, const Tensor& a, const Tensor& b) {
  const Tensor& x = call.out();
  WTW_CHECK(is_square(a) && b.rank >= 2 && same_shape(b, x));
  WTW_CHECK(a.dtype == b.dtype && a.dtype == x.dtype && follows(b, a, 1, {b.size(-1)}));
  if (b.numel == 0) return Code::ok;
  call.need_worker_scratch((a.size(-1) + b.size(-1)) * a.size(-1) * int64_t{sizeof(double)});
  return Code::ok;
}

// solve(index, factors, right side) between loading and storing.
template <class F>
Code solve_each(Call& call, const Tensor& a, const Tensor& b, F&& solve_one) {
  if (b.numel == 0) return Code::ok;
  const int64_t n = a.size(-1), k = b.size(-1);
  const double operations = static_cast<double>(n) * n * (k + 1);
  for_each(call, batch_of(b, 2), operations, [&](int64_t i, double* factors) {
    double* right = factors + n * n;
    load(a, i, n * n, factors);
    load(b, i, n * k, right);
    if (solve_one(i, factors, right)) store(call.out(), i, n * k, right);
  });
  return call.status();
}

Code check_triangular(Call& call) {
  using namespace op::linalg_solve_triangular;
  return check_sides(call, call.in(a_), call.in(b_));
}

Code run_triangular(Call& call) {
  using namespace op::linalg_solve_triangular;
  const Tensor &a = call.in(a_), &b = call.in(b_);
  const int64_t n = a.size(-1), k = b.size(-1);
  const bool upper = call.flag(upper_), unit = call.flag(unitriangular_);
  return solve_each(call, a, b, [&](int64_t, const double* factors, double* right) {
    solve({factors, n, n, 1, upper, unit}, right, k);
    return true;
  });
}

Code check_lu(Call& call) {
  using namespace op::linalg_lu_solve;
  WTW_CHECK(call.in(lu_).rank >= 2);
  WTW_CHECK(follows(call.in(pivots_), call.in(lu_), 1, {}));
  return check_sides(call, call.in(lu_), call.in(b_));
}

Code run_lu(Call& call) {
  using namespace op::linalg_lu_solve;
  const Tensor &lu = call.in(lu_), &b = call.in(b_);
  const int64_t n = lu.size(-1), k = b.size(-1);
  const bool adjoint = call.flag(adjoint_);
  return solve_each(call, lu, b, [&](int64_t index, const double* factors, double* right) {
    const int32_t* pivots = call.in(pivots_).as<int32_t>() + index * n;
    for (int64_t i = 0; i < n; ++i) {
      if (pivots[i] < 1 || pivots[i] > n) {
        call.fail(Code::index_out_of_range, __LINE__, pivots_, pivots[i] - int64_t{1}, n);
        return false;
      }
    }
    const auto swap = [&](int64_t i) {
      const int64_t other = pivots[i] - 1;
      if (other != i) std::swap_ranges(right + i * k, right + (i + 1) * k, right + other * k);
    };
    const Triangle lower = {factors, n, n, 1, false, true}, upper = {factors, n, n, 1, true, false};
    if (adjoint) {
      solve(upper.transposed(), right, k);
      solve(lower.transposed(), right, k);
      for (int64_t i = n - 1; i >= 0; --i) swap(i);
    } else {
      for (int64_t i = 0; i < n; ++i) swap(i);
      solve(lower, right, k);
      solve(upper, right, k);
    }
    return true;
  });
}

}  // namespace

WTW_KERNEL(linalg_solve_triangular, check_triangular, run_triangular);
WTW_KERNEL(linalg_lu_solve, check_lu, run_lu);

}  // namespace wtw
