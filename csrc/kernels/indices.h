// Index tensors: numbers that come with the inputs, so that every one is checked where it is read.
#pragma once

#include <cstdint>

#include "core/tensor.h"

namespace wtw {

// The number at an offset (in elements) of an int64 or int32 tensor.
inline int64_t index_at(const Tensor& t, int64_t offset) {
  return t.dtype == DType::int64 ? t.as<int64_t>()[offset] : t.as<int32_t>()[offset];
}

// The position in [0, size) that an index names, negative ones counting from the end; -1 if none.
inline int64_t wrap_index(int64_t index, int64_t size) {
  if (index < 0) index += size;
  return index >= 0 && index < size ? index : -1;
}

}  // namespace wtw
