// fft_c2c, fft_r2c and fft_c2r: lines along one axis in, their Fourier transforms out.
//
// A real line of even length is one of half the length in complex numbers, even elements and odd
// ones, that are told apart afterwards.
#include "kernels/fft.h"

#include <algorithm>
#include <cmath>

#include "core/kernel.h"
#include "kernels/axis.h"
#include "kernels/odometer.h"
#include "ops.h"

namespace wtw {
namespace {

using namespace fft;

enum class Norm : uint8_t { none, root, size };

// What check decides. Sizes and steps of the axis; numbers, not pairs of them.
struct Memo {
  Plan plan;
  int64_t n;  // the signal's length
  int64_t in_step, out_step;
  double scale;
  bool forward, onesided;
};
static_assert(sizeof(Memo) <= 256);

// Lines as they lie in both tensors, their own axis and that of parts left out: either one of the
// tensors has the latter, or both.
Odometer<2> lines_of(const Tensor& in, const Tensor& out, int64_t dim) {
  Odometer<2> lines;
  const int rank = std::max(in.rank, out.rank) - 1;
  for (int i = 0; i < rank; ++i) {
    if (i != dim) lines.add(in.shape[i], {in.stride[i], out.stride[i]});
  }
  return lines;
}

bool even(const Memo& m) { return m.n % 2 == 0; }

// --- loading: elements of a line into work, by rows' names ---

template <class L>
struct Line {
  const typename L::T* in[L::count];
  typename L::T* out[L::count];
  int64_t in_step, out_step;
  v128_t scale;

  Complex pair(int64_t k) const {
    Complex x;
    L::load_pairs(in, k * in_step, x.re, x.im);
    return x;
  }
  v128_t real(int64_t k) const { return L::load_reals(in, k * in_step); }
  // Real elements k and k + 1.
  Complex reals(int64_t k) const { return in_step == 1 ? pair(k) : Complex{real(k), real(k + 1)}; }

  void put(int64_t k, Complex x) const {
    L::store_pairs(out, k * out_step, L::mul(x.re, scale), L::mul(x.im, scale));
  }
  void put_real(int64_t k, v128_t x) const { L::store_reals(out, k * out_step, L::mul(x, scale)); }
};

// One group of lines: work has room for plan.work() vectors; `circle` of n is for real lines.
template <class L>
using Lines = void (*)(const Memo&, const Line<L>&, const typename L::T* table,
                       const typename L::T* circle, Complex* work);

template <class L>
void c2c(const Memo& m, const Line<L>& line, const typename L::T* table, const typename L::T*,
         Complex* work) {
  if (m.forward) {
    for (int64_t k = 0; k < m.n; ++k) work[k] = line.pair(k);
    const Complex* done = transform<L>(m.plan, table, work);
    for (int64_t k = 0; k < m.n; ++k) line.put(k, done[k]);
  } else {  // the way back has real and imaginary parts swapped
    for (int64_t k = 0; k < m.n; ++k) work[k] = swapped(line.pair(k));
    const Complex* done = transform<L>(m.plan, table, work);
    for (int64_t k = 0; k < m.n; ++k) line.put(k, swapped(done[k]));
  }
}

// Element k of a real line's transform, and its mirror image n - k where that is asked for.
template <class L>
void put_half(const Memo& m, const Line<L>& line, int64_t k, Complex x) {
  line.put(k, x);
  if (!m.onesided && k > 0 && 2 * k < m.n) line.put(m.n - k, conj<L>(x));
}

template <class L>
void r2c(const Memo& m, const Line<L>& line, const typename L::T* table,
         const typename L::T* circle, Complex* work) {
  const v128_t zero = L::splat(typename L::T(0)), half = L::splat(typename L::T(0.5));
  if (!even(m)) {
    for (int64_t k = 0; k < m.n; ++k) work[k] = {line.real(k), zero};
    const Complex* done = transform<L>(m.plan, table, work);
    for (int64_t k = 0; k <= m.n / 2; ++k) put_half(m, line, k, done[k]);
    return;
  }
  const int64_t count = m.n / 2;
  for (int64_t k = 0; k < count; ++k) work[k] = line.reals(2 * k);
  const Complex* z = transform<L>(m.plan, table, work);
  for (int64_t k = 0; k <= count; ++k) {
    const Complex a = z[k == count ? 0 : k], b = conj<L>(z[k == 0 ? 0 : count - k]);
    const Complex evens = add<L>(a, b), odds = turned<L>(sub<L>(a, b));
    const Complex sum = add<L>(evens, mul<L>(odds, splat<L>(circle + 2 * k)));
    put_half(m, line, k, scaled<L>(sum, half));
  }
}

template <class L>
void c2r(const Memo& m, const Line<L>& line, const typename L::T* table,
         const typename L::T* circle, Complex* work) {
  const v128_t zero = L::splat(typename L::T(0));
  // Element k <= n / 2; the first one, and that in the middle, are real whatever they say.
  const auto element = [&](int64_t k) {
    Complex x = line.pair(k);
    if (k == 0 || 2 * k == m.n) x.im = zero;
    return x;
  };
  if (!even(m)) {
    for (int64_t k = 0; k <= m.n / 2; ++k) {
      const Complex x = element(k);
      work[k] = swapped(x);
      if (k > 0) work[m.n - k] = swapped(conj<L>(x));
    }
    const Complex* done = transform<L>(m.plan, table, work);
    for (int64_t k = 0; k < m.n; ++k) line.put_real(k, done[k].im);
    return;
  }
  const int64_t count = m.n / 2;
  for (int64_t k = 0; k < count; ++k) {
    const Complex a = element(k), b = conj<L>(element(count - k));
    const Complex evens = add<L>(a, b);
    const Complex odds = mul<L>(sub<L>(a, b), conj<L>(splat<L>(circle + 2 * k)));
    work[k] = swapped(sub<L>(evens, turned<L>(odds)));  // evens + i odds
  }
  const Complex* done = transform<L>(m.plan, table, work);
  for (int64_t k = 0; k < count; ++k) {
    line.put_real(2 * k, done[k].im);
    line.put_real(2 * k + 1, done[k].re);
  }
}

// --- checking ---

double scale_of(Norm norm, int64_t n) {
  const auto size = static_cast<double>(n);
  return norm == Norm::none ? 1 : norm == Norm::root ? 1 / std::sqrt(size) : 1 / size;
}

// Whether two tensors are the same but for the size of the axis; the first `rank` axes count.
bool same_but(const Tensor& a, const Tensor& b, int64_t dim, int rank) {
  for (int i = 0; i < rank; ++i) {
    if (i != dim && a.shape[i] != b.shape[i]) return false;
  }
  return true;
}

bool are_parts(const Tensor& t) { return t.rank > 1 && t.size(-1) == 2; }

// The rest of each check: `n` real or complex elements of a line in `length` complex numbers.
Code decide(Call& call, int64_t dim, int64_t n, int64_t length, Norm norm) {
  const Tensor &in = call.in(0), &out = call.out();
  auto& m = call.memo<Memo>();
  m.plan = make_plan(length);
  m.n = n;
  m.in_step = in.stride[dim];
  m.out_step = out.stride[dim];
  m.scale = scale_of(norm, n);
  const int64_t item = size_of(in.dtype);
  call.need_scratch((m.plan.table() + n + 2) * item);
  call.need_worker_scratch(m.plan.work() * static_cast<int64_t>(sizeof(v128_t)));
  return Code::ok;
}

template <class L>
void run_lines(Call& call, int64_t dim, Lines<L> lines) {
  using T = typename L::T;
  const Tensor &in = call.in(0), &out = call.out();
  const auto& m = call.memo<Memo>();
  const auto work_of = [&](int worker) {
    return reinterpret_cast<Complex*>(call.worker_scratch(worker));
  };
  auto* table = reinterpret_cast<T*>(call.scratch());
  T* circle = table + m.plan.table();
  fill_table<L>(m.plan, table, work_of(0));
  fill_circle(circle, m.n, m.n / 2 + 1);
  const Odometer<2> all = lines_of(in, out, dim);
  const int64_t groups = ceil_div(all.positions(), L::count);
  const int64_t grain = ceil_div(8192, m.plan.length);
  parallel_ranges(groups, grain, [&](int64_t begin, int64_t end, int worker) {
    Line<L> line = {{}, {}, m.in_step, m.out_step, L::splat(static_cast<T>(m.scale))};
    for (int64_t group = begin; group < end; ++group) {
      for (int i = 0; i < L::count; ++i) {  // the last line more than once, where there are fewer
        const auto at = all.at(std::min(group * L::count + i, all.positions() - 1));
        line.in[i] = in.as<T>() + at[0];
        line.out[i] = out.as<T>() + at[1];
      }
      lines(m, line, table, circle, work_of(worker));
    }
  });
}

template <template <class> class Function>
Code run_as(Call& call, int64_t dim) {
  if (call.out().numel == 0) return Code::ok;
  if (call.in(0).dtype == DType::float32) {
    run_lines<Lanes4>(call, dim, Function<Lanes4>::lines);
  } else {
    run_lines<Lanes2>(call, dim, Function<Lanes2>::lines);
  }
  return Code::ok;
}

template <class L>
struct OfC2c {
  static constexpr Lines<L> lines = c2c<L>;
};
template <class L>
struct OfR2c {
  static constexpr Lines<L> lines = r2c<L>;
};
template <class L>
struct OfC2r {
  static constexpr Lines<L> lines = c2r<L>;
};

bool is_length(int64_t n) { return n >= 1 && n <= kMaxLength; }

Code check_c2c(Call& call) {
  namespace o = op::fft_c2c;
  const Tensor &in = call.in(0), &out = call.out();
  const int64_t dim = call.integer(o::dim_);
  WTW_CHECK(in.dtype == out.dtype && same_shape(in, out) && are_parts(in));
  WTW_CHECK(dim >= 0 && dim < in.rank - 1 && is_length(in.shape[dim]));
  call.memo<Memo>().forward = call.flag(o::forward_);
  return decide(call, dim, in.shape[dim], in.shape[dim], static_cast<Norm>(call.integer(o::norm_)));
}

Code check_r2c(Call& call) {
  namespace o = op::fft_r2c;
  const Tensor &in = call.in(0), &out = call.out();
  const int64_t dim = call.integer(o::dim_);
  WTW_CHECK(in.dtype == out.dtype && are_parts(out) && out.rank == in.rank + 1);
  WTW_CHECK(dim >= 0 && dim < in.rank && is_length(in.shape[dim]));
  const int64_t n = in.shape[dim];
  const bool onesided = call.flag(o::onesided_);
  WTW_CHECK(same_but(in, out, dim, in.rank) && out.shape[dim] == (onesided ? n / 2 + 1 : n));
  call.memo<Memo>().onesided = onesided;
  const int64_t length = n % 2 == 0 ? n / 2 : n;
  return decide(call, dim, n, length, static_cast<Norm>(call.integer(o::norm_)));
}

Code check_c2r(Call& call) {
  namespace o = op::fft_c2r;
  const Tensor &in = call.in(0), &out = call.out();
  const int64_t dim = call.integer(o::dim_), n = call.integer(o::size_);
  WTW_CHECK(in.dtype == out.dtype && are_parts(in) && in.rank == out.rank + 1);
  WTW_CHECK(dim >= 0 && dim < out.rank && is_length(n) && out.shape[dim] == n);
  WTW_CHECK(same_but(in, out, dim, out.rank) && in.shape[dim] == n / 2 + 1);
  const int64_t length = n % 2 == 0 ? n / 2 : n;
  return decide(call, dim, n, length, static_cast<Norm>(call.integer(o::norm_)));
}

Code run_c2c(Call& call) { return run_as<OfC2c>(call, call.integer(op::fft_c2c::dim_)); }
Code run_r2c(Call& call) { return run_as<OfR2c>(call, call.integer(op::fft_r2c::dim_)); }
Code run_c2r(Call& call) { return run_as<OfC2r>(call, call.integer(op::fft_c2r::dim_)); }

}  // namespace

WTW_KERNEL(fft_c2c, check_c2c, run_c2c);
WTW_KERNEL(fft_r2c, check_r2c, run_r2c);
WTW_KERNEL(fft_c2r, check_c2r, run_c2r);

}  // namespace wtw
