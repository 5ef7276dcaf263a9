// Plans, tables and passes of the transforms that fft.h describes.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/fft.h"

namespace wtw::fft {
namespace {

void add_factors(Plan& plan) {
  int64_t rest = plan.length;
  const auto take = [&](int radix) {
    while (rest % radix == 0) {
      plan.radix[plan.count++] = static_cast<uint8_t>(radix);
      rest /= radix;
    }
  };
  take(4);
  for (int radix = 2; radix <= kMaxRadix; ++radix) take(radix);
}

bool is_smooth(int64_t n) {
  for (int radix = 2; radix <= kMaxRadix; ++radix) {
    while (n % radix == 0) n /= radix;
  }
  return n == 1;
}

// One pass: `before` is the product of the radices done, `after` of those to do. x is
// [radix][after][before], y [after][radix][before].
struct Pass {
  int64_t before, after;
  const Complex* x;
  Complex* y;

  const Complex* in(int k, int64_t p, int64_t q) const { return x + (k * after + p) * before + q; }
};

// y[k] *= twiddle(p k), for the outputs of one butterfly that lie `before` apart.
template <class L>
void pass4(const Pass& pass, const typename L::T* circle) {
  const int64_t step = 2 * pass.before;
  for (int64_t p = 0; p < pass.after; ++p) {
    const Complex w1 = splat<L>(circle + p * step), w2 = splat<L>(circle + 2 * p * step),
                  w3 = splat<L>(circle + 3 * p * step);
    Complex* y = pass.y + 4 * p * pass.before;
    for (int64_t q = 0; q < pass.before; ++q, ++y) {
      const Complex a = *pass.in(0, p, q), b = *pass.in(1, p, q), c = *pass.in(2, p, q),
                    d = *pass.in(3, p, q);
      const Complex ac = add<L>(a, c), bd = add<L>(b, d), a_c = sub<L>(a, c),
                    b_d = turned<L>(sub<L>(b, d));
      y[0] = add<L>(ac, bd);
      y[pass.before] = mul<L>(add<L>(a_c, b_d), w1);
      y[2 * pass.before] = mul<L>(sub<L>(ac, bd), w2);
      y[3 * pass.before] = mul<L>(sub<L>(a_c, b_d), w3);
    }
  }
}

template <class L>
void pass2(const Pass& pass, const typename L::T* circle) {
  for (int64_t p = 0; p < pass.after; ++p) {
    const Complex w = splat<L>(circle + 2 * p * pass.before);
    Complex* y = pass.y + 2 * p * pass.before;
    for (int64_t q = 0; q < pass.before; ++q, ++y) {
      const Complex a = *pass.in(0, p, q), b = *pass.in(1, p, q);
      y[0] = add<L>(a, b);
      y[pass.before] = mul<L>(sub<L>(a, b), w);
    }
  }
}

// An odd radix: sums and differences of x[j] and x[radix - j], then cosines of the sums and sines
// of the differences. `fixed` is the radix where the compiler should know it, else 0.
template <class L, int fixed>
void pass_odd(const Pass& pass, const typename L::T* circle, int64_t n, int given) {
  const int radix = fixed ? fixed : given, half = radix / 2;
  const int64_t root = 2 * (n / radix);  // of a step around the circle of the radix
  Complex sums[(fixed ? fixed : kMaxRadix) / 2], differences[(fixed ? fixed : kMaxRadix) / 2];
  for (int64_t p = 0; p < pass.after; ++p) {
    for (int64_t q = 0; q < pass.before; ++q) {
      const Complex first = *pass.in(0, p, q);
      Complex total = first;
      for (int j = 0; j < half; ++j) {
        const Complex a = *pass.in(j + 1, p, q), b = *pass.in(radix - 1 - j, p, q);
        sums[j] = add<L>(a, b);
        differences[j] = sub<L>(a, b);
        total = add<L>(total, sums[j]);
      }
      Complex* y = pass.y + radix * p * pass.before + q;
      y[0] = total;
      for (int k = 1; k <= half; ++k) {
        Complex even = first, odd = zero<L>();
        for (int j = 0; j < half; ++j) {
          const auto* w = circle + (j + 1) * k % radix * root;
          even = add<L>(even, scaled<L>(sums[j], L::splat(w)));
          odd = add<L>(odd, scaled<L>(differences[j], L::splat(w + 1)));
        }
        odd = turned<L>(odd);  // odd has sines of negative angles: i odd = -turned
        const int64_t at = 2 * p * pass.before * k, other = 2 * p * pass.before * (radix - k);
        y[k * pass.before] = mul<L>(sub<L>(even, odd), splat<L>(circle + at));
        y[(radix - k) * pass.before] = mul<L>(add<L>(even, odd), splat<L>(circle + other));
      }
    }
  }
}

// All passes; gives the buffer of the two in `work` that the result is in.
template <class L>
Complex* passes(const Plan& plan, const typename L::T* circle, Complex* work) {
  Complex* other = work + plan.length;
  int64_t before = 1, after = plan.length;
  for (int i = 0; i < plan.count; ++i) {
    const int radix = plan.radix[i];
    after /= radix;
    const Pass pass = {before, after, work, other};
    if (radix == 4) {
      pass4<L>(pass, circle);
    } else if (radix == 2) {
      pass2<L>(pass, circle);
    } else if (radix == 3) {
      pass_odd<L, 3>(pass, circle, plan.length, 3);
    } else if (radix == 5) {
      pass_odd<L, 5>(pass, circle, plan.length, 5);
    } else {
      pass_odd<L, 0>(pass, circle, plan.length, radix);
    }
    before *= radix;
    std::swap(work, other);
  }
  return work;
}

// exp(-pi i k^2 / n) for k < n: the angle's multiple of pi / n modulo 2 n is exact.
template <class T>
void fill_chirp(T* chirp, int64_t n) {
  for (int64_t k = 0; k < n; ++k) {
    const double angle = -std::numbers::pi * static_cast<double>(k * k % (2 * n)) / double(n);
    chirp[2 * k] = static_cast<T>(std::cos(angle));
    chirp[2 * k + 1] = static_cast<T>(std::sin(angle));
  }
}

}  // namespace

Plan make_plan(int64_t n) {
  Plan plan;
  plan.n = plan.length = n;
  if (!is_smooth(n)) {
    plan.length = 1;
    while (plan.length < 2 * n - 1) plan.length *= 2;
  }
  add_factors(plan);
  return plan;
}

template <class T>
void fill_circle(T* table, int64_t n, int64_t count) {
  // Blocks of kBlock: a library call for their starts, a product in double for each number.
  constexpr int64_t kBlock = 32;
  const double unit = -2 * std::numbers::pi / static_cast<double>(n);
  double fine[2 * kBlock];
  for (int64_t i = 0; i < kBlock; ++i) {
    fine[2 * i] = std::cos(unit * double(i));
    fine[2 * i + 1] = std::sin(unit * double(i));
  }
  for (int64_t start = 0; start < count; start += kBlock) {
    const double c = std::cos(unit * double(start)), s = std::sin(unit * double(start));
    for (int64_t i = 0; i < std::min(kBlock, count - start); ++i) {
      T* to = table + 2 * (start + i);
      to[0] = static_cast<T>(c * fine[2 * i] - s * fine[2 * i + 1]);
      to[1] = static_cast<T>(c * fine[2 * i + 1] + s * fine[2 * i]);
    }
  }
}

template void fill_circle(float*, int64_t, int64_t);
template void fill_circle(double*, int64_t, int64_t);

template <class L>
void fill_table(const Plan& plan, typename L::T* table, Complex* work) {
  using T = typename L::T;
  fill_circle(table, plan.length, plan.length);
  if (!plan.is_chirp()) return;
  T* chirp = table + 2 * plan.length;
  T* filter = chirp + 2 * plan.n;
  fill_chirp(chirp, plan.n);
  // The conjugate chirp around 0, divided by the length for the way back.
  const v128_t by = L::splat(T(1) / static_cast<T>(plan.length));
  for (int64_t k = 0; k < plan.length; ++k) work[k] = zero<L>();
  for (int64_t k = 0; k < plan.n; ++k) {
    const Complex value = scaled<L>(conj<L>(splat<L>(chirp + 2 * k)), by);
    work[k] = work[k == 0 ? 0 : plan.length - k] = value;
  }
  const Complex* done = passes<L>(plan, table, work);
  for (int64_t k = 0; k < plan.length; ++k) {
    filter[2 * k] = L::first(done[k].re);
    filter[2 * k + 1] = L::first(done[k].im);
  }
}

template <class L>
Complex* transform(const Plan& plan, const typename L::T* table, Complex* work) {
  if (!plan.is_chirp()) return passes<L>(plan, table, work);
  const auto* chirp = table + 2 * plan.length;
  const auto* filter = chirp + 2 * plan.n;
  for (int64_t k = 0; k < plan.n; ++k) work[k] = mul<L>(work[k], splat<L>(chirp + 2 * k));
  for (int64_t k = plan.n; k < plan.length; ++k) work[k] = zero<L>();
  Complex* done = passes<L>(plan, table, work);
  // The way back is the way there with real and imaginary parts swapped.
  for (int64_t k = 0; k < plan.length; ++k) {
    work[k] = swapped(mul<L>(done[k], splat<L>(filter + 2 * k)));
  }
  done = passes<L>(plan, table, work);
  for (int64_t k = 0; k < plan.n; ++k) {
    done[k] = mul<L>(swapped(done[k]), splat<L>(chirp + 2 * k));
  }
  return done;
}

template void fill_table<Lanes4>(const Plan&, float*, Complex*);
template void fill_table<Lanes2>(const Plan&, double*, Complex*);
template Complex* transform<Lanes4>(const Plan&, const float*, Complex*);
template Complex* transform<Lanes2>(const Plan&, const double*, Complex*);

}  // namespace wtw::fft
