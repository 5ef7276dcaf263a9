// Operators of one operand.
#include "kernels/pointwise_block.h"

namespace wtw {
using namespace pointwise;

#define UNARY(types, name, expression) \
  WTW_POINTWISE(name, types<1, []<class V>(V x) -> V { return expression; }>)

// The conversion is all there is to do.
UNARY(all, cast, x);

UNARY(all, neg, neg(x));
UNARY(all, abs, abs(x));
UNARY(all, square, mul(x, x));
UNARY(all, sign, sub(number<V>(lt(constant<V>(0), x)), number<V>(lt(x, constant<V>(0)))));
UNARY(floats, reciprocal, div(constant<V>(1), x));
UNARY(floats, sqrt, sqrt(x));
UNARY(floats, rsqrt, div(constant<V>(1), sqrt(x)));

UNARY(floats, floor, floor(x));
UNARY(floats, ceil, ceil(x));
UNARY(floats, trunc, trunc(x));
UNARY(floats, frac, sub(x, trunc(x)));
UNARY(floats, round, rint(x));

UNARY(floats, exp, exp(x));
UNARY(floats, exp2, exp2(x));
UNARY(floats, expm1, expm1(x));
UNARY(floats, log, log(x));
UNARY(floats, log2, log2(x));
UNARY(floats, log10, log10(x));
UNARY(floats, log1p, log1p(x));
UNARY(floats, erf, erf(x));
UNARY(doubles, erfc, erfc(x));

UNARY(floats, sin, sin(x));
UNARY(floats, cos, cos(x));
UNARY(doubles, tan, tan(x));
UNARY(doubles, asin, asin(x));
UNARY(doubles, acos, acos(x));
UNARY(doubles, atan, atan(x));
UNARY(doubles, sinh, sinh(x));
UNARY(doubles, cosh, cosh(x));
UNARY(floats, tanh, tanh(x));
UNARY(doubles, asinh, asinh(x));
UNARY(doubles, acosh, acosh(x));
UNARY(doubles, atanh, atanh(x));

}  // namespace wtw
