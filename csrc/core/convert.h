// Elements of any dtype to the type that kernels compute in, and back.
//
// Compute types are float32, float64 and int64. Rounding is to nearest even; int64 narrows by
// dropping high bits; float to integer drops the fraction, and gives INT64_MIN for NaN and what
// does not fit; anything but 0 (NaN too) is true. No dtype here is complex.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/dtype.h"

namespace wtw {

// The smallest compute type that holds every value of the dtype.
constexpr DType widened(DType dtype) {
  if (dtype == DType::float64) return DType::float64;
  return is_floating(dtype) ? DType::float32 : DType::int64;
}

constexpr bool is_compute(DType dtype) { return widened(dtype) == dtype; }

// out[i] = in[i] for i < n; `out` is of type `compute`. The two do not overlap.
void load_as(DType compute, void* out, DType dtype, const void* in, int64_t n);
// out[i] = in[i] for i < n; `in` is of type `compute`. The two do not overlap.
void store_as(DType dtype, void* out, DType compute, const void* in, int64_t n);

}  // namespace wtw
