// Arithmetic of two operands, and of three.
#include "kernels/pointwise_block.h"

namespace wtw {
using namespace pointwise;

#define BINARY(types, name, expression) \
  WTW_POINTWISE(name, types<2, []<class V>(V a, V b) -> V { return expression; }>)

BINARY(all, add, add(a, b));
BINARY(all, sub, sub(a, b));
BINARY(all, mul, mul(a, b));
BINARY(floats, div, div(a, b));
BINARY(all, div_trunc, div_trunc(a, b));
BINARY(doubles_and_ints, div_floor, div_floor(a, b));
BINARY(doubles_and_ints, remainder, remainder(a, b));
BINARY(doubles_and_ints, fmod, fmod(a, b));
BINARY(ints, gcd, gcd(a, b));
BINARY(doubles_and_ints, pow, pow(a, b));
BINARY(all, maximum, maximum(a, b));
BINARY(all, minimum, minimum(a, b));
// NaN loses against a number.
BINARY(floats, fmax, select(either(lt(b, a), ne(b, b)), a, b));
BINARY(floats, fmin, select(either(lt(a, b), ne(b, b)), a, b));
BINARY(doubles, atan2, atan2(a, b));
BINARY(doubles, hypot, hypot(a, b));
BINARY(floats, copysign, copysign(a, b));

#define TERNARY(types, name, expression)                                                        \
  WTW_POINTWISE(                                                                                \
      name, types<3, []<class V>(V a, V b, V c, [[maybe_unused]] const Parameters<V>& p) -> V { \
        return expression;                                                                      \
      }>)

TERNARY(all, where, select(truth(a), b, c));
TERNARY(all, addcmul, add(a, mul(mul(p[0], b), c)));
TERNARY(floats, addcdiv, add(a, div(mul(p[0], b), c)));
// From the nearer end, so that weights of 0 and 1 give a and b exactly.
TERNARY(floats, lerp,
        select(lt(abs(c), constant<V>(0.5)), add(a, mul(c, sub(b, a))),
               sub(b, mul(sub(b, a), sub(constant<V>(1), c)))));

}  // namespace wtw
