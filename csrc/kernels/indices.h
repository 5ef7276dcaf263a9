// Index tensors: numbers that come with the inputs, so that every one is checked where it is read.
#pragma once

#include <cstdint>

#include "core/tensor.h"

namespace wtw {

// The number at an offset (in elements) of an int64 or int32 tensor.
inline int64_t index_at(const Tensor& t, int64_t offset) {
  return t.dtype == DType::int64 ? t.as<int64_t>()[offset] : t.as<int32_t>()[offset];
}

// The position in [0, size) that an index names, -1 if none; negative ones count from the end where
// it `wraps`.
inline int64_t position_of(int64_t index, int64_t size, bool wraps) {
  if (index < 0 && wraps) index += size;
  return index >= 0 && index < size ? index : -1;
}

}  // namespace wtw
