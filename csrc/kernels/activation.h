// Rows of just-computed numbers in, the same rows with a fused activation applied out.
#pragma once

#include <cstdint>

#include "core/kernel.h"
#include "core/simd.h"
#include "ops.h"

namespace wtw {

// Every row with a fused activation has the same choices (ops/gemm.py, activation_attributes).
using Activation = op::linear::Activation;

// What happens to an element before it is stored: x + bias (+ residual), activated.
struct Epilogue {
  const float* bias = nullptr;  // one number a column, or null
  Activation activation = Activation::none;
  float low = 0, high = 0;  // parameters: clamp's bounds; leaky_relu's slope in `low`
};

// From the attributes that every such row has.
inline Epilogue epilogue_of(const Call& call, int bias, int activation, int low, int high) {
  return {.bias = call.has(bias) ? call.in(bias).as<float>() : nullptr,
          .activation = static_cast<Activation>(call.integer(activation)),
          .low = static_cast<float>(call.real(low)),
          .high = static_cast<float>(call.real(high))};
}

// Activations that are a clamp, which fits in between accumulator and store.
struct Clamp {
  bool active;
  float low, high;
};

inline Clamp clamp_of(const Epilogue& e) {
  constexpr float kInfinity = __builtin_inff();
  switch (e.activation) {
    case Activation::relu:
      return {true, 0, kInfinity};
    case Activation::relu6:
      return {true, 0, 6};
    case Activation::clamp:
      return {true, e.low, e.high};
    default:
      return {false, -kInfinity, kInfinity};
  }
}

// Whether there is an activation that is not a clamp.
inline bool activates(const Epilogue& e) {
  return e.activation != Activation::none && !clamp_of(e).active;
}

// Applies any activation that is not a clamp, by the loop of the pointwise operator of that name.
void apply_activation(float* row, int64_t n, const Epilogue& epilogue);

}  // namespace wtw
