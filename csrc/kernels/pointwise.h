// The loop that every pointwise operator shares, and how an operator is declared.
//
// Operands broadcast to the output's shape and may lie anyhow; the output is dense in some order.
// The loop walks the output in its memory order by blocks: each operand's block is converted to
// the compute type (attribute `compute`: float32, float64 or int64), an operator's block function
// runs, the result is converted to the output's dtype. So an operator is one function for each
// compute type, whatever the dtypes, strides and sizes.
#pragma once

#include <cstdint>

#include "core/kernel.h"

namespace wtw::pointwise {

inline constexpr int kMaxInputs = 3;
inline constexpr int kMaxParameters = 4;

// out[i] = f(in[0][i], ...) for i < n, all of the compute type; n is a multiple of 4 for float32.
// `out` may be the same memory as an input. Parameters are the row's float attributes in order.
using Block = void (*)(void* out, const void* const* in, int64_t n, const double* parameters);

// An operator's block functions by compute type; null where it has none.
struct Functions {
  Block float32 = nullptr;
  Block float64 = nullptr;
  Block int64 = nullptr;

  constexpr Block of(DType compute) const {
    switch (compute) {
      case DType::float32:
        return float32;
      case DType::float64:
        return float64;
      case DType::int64:
        return int64;
      default:
        return nullptr;
    }
  }
};

// check and run of every pointwise row. Attributes: `compute`, `dtype` (of the output), then
// floats.
Code check(Call& call, const Functions& functions);
Code run(Call& call);

// Row `name` is the operator that these block functions compute; `functions_name` are they, for
// loops that chain several.
#define WTW_POINTWISE(name, ...)                                                            \
  extern const pointwise::Functions functions_##name;                                       \
  const pointwise::Functions functions_##name = (__VA_ARGS__);                              \
  static Code check_##name(Call& call) { return pointwise::check(call, functions_##name); } \
  WTW_KERNEL(name, check_##name, pointwise::run)

}  // namespace wtw::pointwise
