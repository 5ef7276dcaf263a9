// A tensor that is dense in some order in, its axes in that order out.
#pragma once

#include "core/tensor.h"

namespace wtw {

// Axes longer than 1, outermost first: those of the largest stride.
struct MemoryOrder {
  int count = 0;
  int axis[kMaxRank];
};

inline MemoryOrder memory_order(const Tensor& t) {
  MemoryOrder order;
  for (int axis = 0; axis < t.rank; ++axis) {
    if (t.shape[axis] == 1) continue;
    int at = order.count++;
    for (; at > 0 && t.stride[order.axis[at - 1]] < t.stride[axis]; --at) {
      order.axis[at] = order.axis[at - 1];
    }
    order.axis[at] = axis;
  }
  return order;
}

}  // namespace wtw
