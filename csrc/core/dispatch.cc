// Names of operators to kernels.
#include "core/dispatch.h"

#include <cstring>

namespace wtw {
#include "dispatch.inc"

const OpSpec* find_op(const char* name, uint32_t length) {
  size_t low = 0, high = sizeof(kOps) / sizeof(kOps[0]);
  while (low < high) {
    const size_t middle = (low + high) / 2;
    const OpSpec& op = kOps[middle];
    const size_t own = std::strlen(op.name);  // `name` is not terminated and may hold zeros
    int order = std::memcmp(op.name, name, own < length ? own : length);
    if (order == 0 && own != length) order = own < length ? -1 : 1;
    if (order == 0) return &op;
    if (order < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return nullptr;
}

uint32_t layout_bits(const Tensor& tensor) {
  if (tensor.layout == Layout::panel8) return kPanel8;
  return kStrided | (tensor.rows() ? kRows : 0) | (tensor.dense_any() ? kDenseAny : 0) |
         (tensor.contiguous() ? kDense : 0) | (tensor.channels_last() ? kChannelsLast : 0);
}

}  // namespace wtw
