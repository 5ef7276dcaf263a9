// Activation functions.
#include "kernels/pointwise_block.h"

namespace wtw {
using namespace pointwise;

#define ACTIVATION(types, name, expression)                                                     \
  WTW_POINTWISE(name, types<1, []<class V>(V x, [[maybe_unused]] const Parameters<V>& p) -> V { \
                  return expression;                                                            \
                }>)

ACTIVATION(all, relu, relu(x));
ACTIVATION(floats, relu6, relu6(x));
ACTIVATION(all, clamp, clamp(x, p[0], p[1]));
ACTIVATION(floats, sigmoid, sigmoid(x));
ACTIVATION(floats, log_sigmoid, log_sigmoid(x));
ACTIVATION(floats, silu, silu(x));
ACTIVATION(floats, mish, mish(x));
ACTIVATION(floats, gelu, gelu(x));
ACTIVATION(floats, gelu_tanh, gelu_tanh(x));
ACTIVATION(floats, hardsigmoid, hardsigmoid(x));
ACTIVATION(floats, hardswish, hardswish(x));
// Negative slope.
ACTIVATION(floats, leaky_relu, select(lt(constant<V>(0), x), x, mul(x, p[0])));
// Alpha, scale and scale of the argument.
ACTIVATION(floats, elu,
           select(le(x, constant<V>(0)), mul(expm1(mul(x, p[2])), mul(p[0], p[1])), mul(x, p[1])));
// Beta; where beta x lies beyond the threshold the result is x.
ACTIVATION(floats, softplus, select(lt(p[1], mul(x, p[0])), x, div(softplus(mul(x, p[0])), p[0])));
// Bound and what replaces values up to it.
ACTIVATION(all, threshold, select(le(x, p[0]), p[1], x));
// Bounds of the argument.
ACTIVATION(floats, logit,
           log(div(clamp(x, p[0], p[1]), sub(constant<V>(1), clamp(x, p[0], p[1])))));
// What replaces NaN, infinity and -infinity.
ACTIVATION(floats, nan_to_num,
           select(ne(x, x), p[0],
                  select(eq(x, constant<V>(INFINITY)), p[1],
                         select(eq(x, constant<V>(-INFINITY)), p[2], x))));

WTW_POINTWISE(prelu, floats<2, []<class V>(V x, V slope) -> V {
                return select(lt(constant<V>(0), x), x, mul(slope, x));
              }>);

}  // namespace wtw
