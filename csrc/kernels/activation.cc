// Rows of just-computed numbers in, the same rows with a fused activation applied out.
#include "kernels/activation.h"

#include "kernels/pointwise.h"
#include "kernels/rows.h"

namespace wtw {

// The pointwise operators' own loops: fused or not, the result is the same to the last bit.
extern const pointwise::Functions functions_hardswish, functions_hardsigmoid, functions_sigmoid,
    functions_silu, functions_gelu, functions_gelu_tanh, functions_tanh, functions_leaky_relu;

namespace {

pointwise::Block block_of(Activation activation) {
  switch (activation) {
    case Activation::hardswish:
      return functions_hardswish.float32;
    case Activation::hardsigmoid:
      return functions_hardsigmoid.float32;
    case Activation::sigmoid:
      return functions_sigmoid.float32;
    case Activation::silu:
      return functions_silu.float32;
    case Activation::gelu:
      return functions_gelu.float32;
    case Activation::gelu_tanh:
      return functions_gelu_tanh.float32;
    case Activation::tanh:
      return functions_tanh.float32;
    case Activation::leaky_relu:
      return functions_leaky_relu.float32;
    default:
      return nullptr;  // none, or a clamp
  }
}

}  // namespace

void apply_activation(float* row, int64_t n, const Epilogue& epilogue) {
  const pointwise::Block apply = block_of(epilogue.activation);
  if (apply == nullptr) return;
  const double parameters[pointwise::kMaxParameters] = {double{epilogue.low}};
  const int64_t whole = n / 4 * 4;
  const void* in[] = {row};
  apply(row, in, whole, parameters);
  if (whole == n) return;
  // What lies behind the row may belong to another thread.
  alignas(16) float tail[4];
  simd::store(tail, rows::load_part(row + whole, n - whole, 0));
  in[0] = tail;
  apply(tail, in, 4, parameters);
  rows::store_part(row + whole, simd::load(tail), n - whole);
}

}  // namespace wtw
