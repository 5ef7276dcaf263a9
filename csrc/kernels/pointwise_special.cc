// Special functions, and the parts of floats. All of them compute in double precision.
#include "kernels/pointwise_block.h"
#include "kernels/special_math.h"

namespace wtw {
using namespace pointwise;

#define SPECIAL(name, expression) \
  WTW_POINTWISE(name, doubles<1, [](double x) -> double { return expression; }>)

SPECIAL(erfcx, special::erfcx(x));
SPECIAL(erfinv, special::erfinv(x));
SPECIAL(ndtri, special::ndtri(x));
SPECIAL(lgamma, special::lgamma(x));
SPECIAL(digamma, special::digamma(x));
SPECIAL(i0, std::exp(std::fabs(x)) * special::scaled_bessel_i(0, x));
SPECIAL(i0e, special::scaled_bessel_i(0, x));
SPECIAL(i1, std::exp(std::fabs(x)) * special::scaled_bessel_i(1, x));
SPECIAL(i1e, special::scaled_bessel_i(1, x));

// Which derivative: a whole number.
WTW_POINTWISE(polygamma, doubles<1, [](double x, const Parameters<double>& p) -> double {
                return special::polygamma(constant<int64_t>(p[0]), x);
              }>);
WTW_POINTWISE(igamma, doubles<2, [](double a, double x) -> double {
                return special::incomplete_gamma(a, x, false);
              }>);
WTW_POINTWISE(
    igammac,
    doubles<2, [](double a, double x) -> double { return special::incomplete_gamma(a, x, true); }>);

SPECIAL(mantissa, [x] {
  int exponent;
  return special::frexp(x, &exponent);
}());
SPECIAL(exponent, [x] {
  int exponent;
  special::frexp(x, &exponent);
  return double(exponent);
}());
// A plan may say anything of a format: no float has as many digits, nor such exponents.
static int bounded(double x) { return x > -4096 && x < 4096 ? static_cast<int>(x) : 0; }

// Binary digits of the dtype, exponent of its smallest normal number.
WTW_POINTWISE(nextafter, doubles<2, [](double x, double y, const Parameters<double>& p) -> double {
                return special::next_after(x, y, bounded(p[0]), bounded(p[1]));
              }>);

}  // namespace wtw
