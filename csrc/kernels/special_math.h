// Special functions of doubles: gamma, error, Bessel and zeta functions, from first principles.
//
// Every loop ends after a number of steps that no argument makes large: series are cut where terms
// vanish, and far arguments take an asymptotic form. Poles and domains are PyTorch's.
#pragma once

#include <cmath>
#include <cstdint>

namespace wtw::special {

inline constexpr double kPi = 3.14159265358979324;
inline constexpr double kSqrtPi = 1.77245385090551603;
inline constexpr double kSqrt2 = 1.41421356237309505;

// ---- the error function's relatives ----

// e^(x^2) erfc(x); from 2 up as 1 / (x + (1/2) / (x + (2/2) / (x + (3/2) / ...))).
inline double erfcx(double x) {
  if (x < 2) return std::exp(x * x) * std::erfc(x);
  double tail = x;
  for (int k = 60; k > 0; --k) tail = x + 0.5 * k / tail;
  return 1 / kSqrtPi / tail;
}

// The x >= 0 with erf(x) = y, given 0 <= y < 1 and q = 1 - y, whichever is small to full precision.
// Newton's method: near 0 on erf(x) = y; else, from Winitzki's approximation, on log(erfc(x)) =
// log(q), which is nearly a parabola.
inline double inverse_erf(double y, double q) {
  if (y < 0.5) {
    double x = y * kSqrtPi / 2 * (1 + kPi / 12 * y * y);
    for (int i = 0; i < 4; ++i) x -= (std::erf(x) - y) * kSqrtPi / 2 * std::exp(x * x);
    return x;
  }
  constexpr double a = 0.147;
  const double log_q = std::log(q), square = log_q + std::log1p(y);
  const double t = 2 / (kPi * a) + square / 2;
  double x = std::sqrt(std::sqrt(t * t - square / a) - t);
  for (int i = 0; i < 4; ++i) {
    const double scaled = erfcx(x);
    x += (std::log(scaled) - x * x - log_q) * scaled * kSqrtPi / 2;
  }
  return x;
}

inline double erfinv(double y) {
  const double size = std::fabs(y);
  if (!(size < 1)) return size == 1 ? std::copysign(INFINITY, y) : NAN;
  return std::copysign(inverse_erf(size, 1 - size), y);
}

// The x below which the normal distribution has probability p.
inline double ndtri(double p) {
  if (!(p > 0 && p < 1)) return p == 0 ? -INFINITY : p == 1 ? INFINITY : NAN;
  if (p < 0.5) return -kSqrt2 * inverse_erf(1 - 2 * p, 2 * p);
  return kSqrt2 * inverse_erf(2 * p - 1, 2 * (1 - p));
}

// ---- the gamma function's relatives ----

// log|gamma(x)|, without the C library's global sign.
inline double lgamma(double x) {
  int sign;
  return ::lgamma_r(x, &sign);
}

// gamma'(x) / gamma(x): reflected below 0, by recurrence below 10, then Stirling's series.
inline double digamma(double x) {
  if (x == 0) return std::copysign(INFINITY, -x);
  double sum = 0;
  if (x < 0) {
    if (x == std::trunc(x)) return NAN;
    sum = -kPi / std::tan(kPi * (x - std::trunc(x)));
    x = 1 - x;
  }
  for (; x < 10; ++x) sum -= 1 / x;
  constexpr double series[] = {1. / 12,  1. / 120,     1. / 252, 1. / 240,
                               1. / 132, 691. / 32760, 1. / 12};
  const double z = -1 / (x * x);
  double power = 1, tail = 0;
  for (const double coefficient : series) tail += coefficient * (power *= z);
  return sum + std::log(x) - 0.5 / x + tail;
}

// The sum of (x + k)^-s over k >= 0 for x > 0, s > 1, by Euler and Maclaurin.
inline double positive_zeta(double s, double x) {
  double sum = 0;
  for (int k = 0; k < 10; ++k, ++x) sum += std::pow(x, -s);
  const double power = std::pow(x, -s);
  sum += power * x / (s - 1) + power / 2;
  // Bernoulli numbers by factorials, B(2k) / (2k)!.
  constexpr double series[] = {1. / 12,          -1. / 720,
                               1. / 30240,       -1. / 1209600,
                               1. / 47900160,    -691. / 1307674368000,
                               1. / 74724249600, -3617. / 10670622842880000};
  double factor = power * s / x;
  for (const double coefficient : series) {
    sum += coefficient * factor;
    factor *= (s + 1) / x * (s + 2) / x;
    s += 2;
  }
  return sum;
}

// The same for any x and a whole number s: terms left of 0 are a sum to the right of it, backwards.
inline double zeta(int64_t s, double x) {
  if (x > 0) return positive_zeta(s, x);
  if (x == std::floor(x)) return INFINITY;
  const double steps = std::ceil(-x), rest = x + steps;
  const double left = positive_zeta(s, 1 - rest) - positive_zeta(s, 1 - rest + steps);
  return positive_zeta(s, rest) + (s % 2 == 0 ? left : -left);
}

// The n-th derivative of digamma.
inline double polygamma(int64_t n, double x) {
  if (n == 0) return digamma(x);
  const double size = std::exp(lgamma(n + 1.0)) * zeta(n + 1, x);
  return n % 2 == 0 ? -size : size;
}

// The part of gamma(a) that the integral of t^(a - 1) e^-t has left of x, or right of it where a
// is large: the leading terms of Temme's expansion, to about a^-1.5.
inline double large_incomplete_gamma(double a, double x, bool upper) {
  const double d = (x - a) / a;
  const double eta = std::copysign(std::sqrt(2 * (d - std::log1p(d))), d);
  const double rest = std::fabs(d) < 1e-3 ? -1. / 3 + d / 12 : 1 / d - 1 / eta;
  const double density = std::exp(-a * eta * eta / 2) / std::sqrt(2 * kPi * a) * rest;
  const double root = eta * std::sqrt(a / 2);
  return upper ? std::erfc(root) / 2 + density : std::erfc(-root) / 2 - density;
}

// The incomplete gamma function divided by gamma(a): left of x, or right of it (`upper`).
inline double incomplete_gamma(double a, double x, bool upper) {
  if (a < 0 || x < 0) return NAN;
  if (a == 0) return x > 0 ? !upper : NAN;
  if (x == 0) return upper;
  if (std::isinf(a)) return std::isinf(x) ? NAN : upper;
  if (std::isinf(x)) return !upper;
  if (std::isnan(a) || std::isnan(x)) return NAN;
  if (a > 1e5) return large_incomplete_gamma(a, x, upper);
  const double scale = std::exp(a * std::log(x) - x - lgamma(a + 1));
  constexpr double least = 1e-17;
  constexpr int most = 5000;
  if (x < a + 1) {  // x^k / ((a + 1) ... (a + k))
    double sum = 1, term = 1;
    for (int k = 1; k < most && term > least * sum; ++k) sum += term *= x / (a + k);
    return upper ? 1 - scale * sum : scale * sum;
  }
  // 1 / (x + 1 - a - 1 (1 - a) / (x + 3 - a - 2 (2 - a) / ...)), by Lentz's method.
  double b = x + 1 - a, c = 1e300, d = 1 / b, product = d;
  for (int k = 1; k < most; ++k) {
    const double numerator = k * (a - k);
    b += 2;
    d = 1 / (b + numerator * d);
    c = b + numerator / c;
    product *= c * d;
    if (std::fabs(c * d - 1) < 1e-16) break;
  }
  return upper ? scale * a * product : 1 - scale * a * product;
}

// ---- modified Bessel functions ----

// e^-|x| I(x) of order 0 or 1: the power series, all of whose terms are positive; from 30 up the
// asymptotic one.
inline double scaled_bessel_i(int order, double x) {
  const double z = std::fabs(x);
  double sum = 0, term = 1;
  if (z < 30) {
    term = order == 0 ? 1 : z / 2;
    for (int k = 1; k < 60; ++k) {
      sum += term;
      term *= z * z / 4 / (k * (k + order));
    }
    sum *= std::exp(-z);
  } else {
    for (int k = 1; k <= 20; ++k) {
      sum += term;
      term *= ((2 * k - 1) * (2 * k - 1) - 4 * order) / (8 * z * k);
    }
    sum /= std::sqrt(2 * kPi) * std::sqrt(z);
  }
  return order == 1 && x < 0 ? -sum : sum;
}

// ---- the parts of a float ----

// x = fraction 2^exponent, 1/2 <= |fraction| < 1; x and 0 where it is 0, infinite or NaN.
inline double frexp(double x, int* exponent) {
  *exponent = 0;
  return std::isfinite(x) ? std::frexp(x, exponent) : x;
}

// The neighbour of x towards y among floats with so many binary digits and 2^`least` as smallest
// normal number.
inline double next_after(double x, double y, int digits, int least) {
  if (digits == 53 || x == y || x != x || y != y) return std::nextafter(x, y);
  if (std::isinf(x))
    return std::copysign((2 - std::ldexp(2, -digits)) * std::ldexp(1, 1 - least), x);
  int exponent;
  const double fraction = std::fabs(frexp(x, &exponent));
  const bool shrinks = x == 0 ? false : (x < y) == (x < 0);
  exponent -= 1 + (shrinks && fraction == 0.5);  // the step below a power of two is half as long
  if (x == 0 || exponent < least) exponent = least;
  const double step = std::ldexp(1, exponent + 1 - digits);
  const double next = x < y ? x + step : x - step;
  return next == 0 ? std::copysign(next, x) : next;
}

}  // namespace wtw::special
