// Comparisons, logic and bits. Truth values are 1 and 0 of the compute type.
#include "kernels/pointwise_block.h"

namespace wtw {
using namespace pointwise;

#define COMPARISON(name, expression) \
  WTW_POINTWISE(name, all<2, []<class V>(V a, V b) -> V { return number<V>(expression); }>)

COMPARISON(eq, eq(a, b));
COMPARISON(ne, ne(a, b));
COMPARISON(lt, lt(a, b));
COMPARISON(le, le(a, b));
COMPARISON(gt, lt(b, a));
COMPARISON(ge, le(b, a));
COMPARISON(logical_and, both(truth(a), truth(b)));
COMPARISON(logical_or, either(truth(a), truth(b)));
COMPARISON(logical_xor, differ(truth(a), truth(b)));

#define TEST(types, name, expression) \
  WTW_POINTWISE(name, types<1, []<class V>(V x) -> V { return number<V>(expression); }>)

TEST(all, logical_not, eq(x, constant<V>(0)));
TEST(floats, isnan, ne(x, x));
TEST(floats, isinf, eq(abs(x), constant<V>(INFINITY)));
TEST(floats, isfinite, lt(abs(x), constant<V>(INFINITY)));
TEST(floats, signbit, lt(copysign(constant<V>(1), x), constant<V>(0)));

#define BITS(name, expression) \
  WTW_POINTWISE(name, ints<2, [](int64_t a, int64_t b) -> int64_t { return expression; }>)

BITS(bitwise_and, a& b);
BITS(bitwise_or, a | b);
BITS(bitwise_xor, a ^ b);
// Shifts by a negative number or past the last bit leave nothing but the sign.
BITS(bitwise_left_shift, b < 0 || b > 63 ? 0 : wrap(static_cast<uint64_t>(a) << b));
BITS(bitwise_right_shift, a >> (b < 0 || b > 63 ? 63 : b));
WTW_POINTWISE(bitwise_not, ints<1, [](int64_t x) -> int64_t { return ~x; }>);

}  // namespace wtw
