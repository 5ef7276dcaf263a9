// Steps of a computation that PyTorch rounds to half precision, where that decides on what is read.
#pragma once

#include <cstdint>

#include "core/convert.h"

namespace wtw {

// x, computed in T, as a number of dtype `precision`.
template <class T>
T rounded(T x, DType precision) {
  if (is_compute(precision)) return x;
  float wide = static_cast<float>(x);
  uint16_t half;
  store_as(precision, &half, DType::float32, &wide, 1);
  load_as(DType::float32, &wide, precision, &half, 1);
  return static_cast<T>(wide);
}

}  // namespace wtw
