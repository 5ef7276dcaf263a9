// Layout classes of a tensor at concrete sizes.
#include "core/tensor.h"

namespace wtw {
namespace {

// Dense when walked in the given order of axes, outermost first. Axes of size 1 have any stride.
bool dense_in(const Tensor& t, const int* order) {
  int64_t expected = 1;
  for (int i = t.rank - 1; i >= 0; --i) {
    const int axis = order[i];
    if (t.shape[axis] != 1 && t.stride[axis] != expected) return false;
    expected *= t.shape[axis];
  }
  return true;
}

}  // namespace

bool Tensor::contiguous() const {
  constexpr int order[kMaxRank] = {0, 1, 2, 3, 4, 5, 6, 7};
  return numel == 0 || dense_in(*this, order);
}

bool Tensor::channels_last() const {
  constexpr int order4[4] = {0, 2, 3, 1};
  constexpr int order5[5] = {0, 2, 3, 4, 1};
  if (rank == 4) return numel == 0 || dense_in(*this, order4);
  if (rank == 5) return numel == 0 || dense_in(*this, order5);
  return false;
}

bool Tensor::dense_any() const {
  if (numel == 0) return true;
  int order[kMaxRank];
  for (int i = 0; i < rank; ++i) {  // insertion sort by stride, largest first
    int at = i;
    while (at > 0 && stride[order[at - 1]] < stride[i]) {
      order[at] = order[at - 1];
      --at;
    }
    order[at] = i;
  }
  return dense_in(*this, order);
}

bool Tensor::rows() const {
  return rank == 0 || numel == 0 || shape[rank - 1] <= 1 || stride[rank - 1] == 1;
}

int64_t Tensor::span() const {
  if (numel == 0) return 0;
  int64_t elements = 0;
  if (layout == Layout::panel8) {
    const int64_t padded_rows = (shape[0] / groups + 7) / 8 * 8 * groups;
    const bool fits = !__builtin_mul_overflow(padded_rows, numel / shape[0], &elements);
    return fits && elements < kMaxElements ? elements : -1;
  }
  for (int axis = 0; axis < rank; ++axis) {
    int64_t reach = 0;
    if (stride[axis] < 0 || __builtin_mul_overflow(shape[axis] - 1, stride[axis], &reach) ||
        __builtin_add_overflow(elements, reach, &elements) || elements >= kMaxElements - 1) {
      return -1;
    }
  }
  return elements + 1;
}

}  // namespace wtw
