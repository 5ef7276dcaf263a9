// A value of the plan at concrete sizes: where it lies and how it is laid out.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/dtype.h"

namespace wtw {

inline constexpr int kMaxRank = 8;
inline constexpr int64_t kMaxElements = int64_t{1} << 40;  // numel and span() stay below

enum class Layout : uint8_t {
  plain = 0,   // strides say where each element lies
  panel8 = 1,  // a packed matrix (N, K): [ceil(N / 8)][K][8], zero padded; strides mean nothing
};

struct Tensor {
  std::byte* data;
  DType dtype;
  Layout layout;
  int32_t rank;
  int64_t numel;
  int64_t shape[kMaxRank];   // PyTorch's logical shape, whatever the order in memory
  int64_t stride[kMaxRank];  // in elements; 0 where an axis is broadcast
  int64_t groups;            // of a panel8 matrix: panels do not cross them

  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(data);
  }
  int64_t size(int axis) const { return shape[axis < 0 ? axis + rank : axis]; }
  int64_t step(int axis) const { return stride[axis < 0 ? axis + rank : axis]; }

  // Dense in logical order. Strides of axes of size 1 do not count.
  bool contiguous() const;
  // (N, C, H, W) or (N, C, D, H, W) dense with the channels innermost.
  bool channels_last() const;
  // Dense in some order of the axes: no gaps, no overlap.
  bool dense_any() const;
  // The last axis has stride 1 (or at most one element).
  bool rows() const;

  // Elements of memory from the first to behind the last; -1 for negative strides and where there
  // are kMaxElements or more.
  int64_t span() const;
};

}  // namespace wtw
