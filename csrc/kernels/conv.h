// What convolutions share: the sizes of a call, checked.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>

#include "core/kernel.h"

namespace wtw::conv {

// Sizes and attributes beyond this are refused, so that sums of products of two stay in an int64.
inline constexpr int64_t kMaxSize = int64_t{1} << 30;

// Height or width.
struct Axis {
  int64_t in, out, kernel, stride, dilation, before, after;

  int64_t extent() const { return dilation * (kernel - 1) + 1; }
  int64_t padded() const { return in + before + after; }
  bool is_padded() const { return before > 0 || after > 0; }
};

// Whether the output's size follows from the rest.
bool axis_fits(const Axis& a);

struct Geometry {
  int64_t batch, channels, out_channels, groups;
  Axis y, x;

  int64_t group_channels() const { return channels / groups; }
  int64_t group_outputs() const { return out_channels / groups; }
  int64_t pixels() const { return batch * y.out * x.out; }
};

// What a convolution reads and writes, in all groups or in one of them.
struct Operands {
  const float* image;
  const float* weights;
  float* out;
  const float* residual;  // added to `out`; or null
};

// Inputs 0, 1 and `residual`, which may be missing or, where it is -1, not exist.
Operands operands_of(const Call& call, int residual);

// Attributes in PyTorch's order: (height, width); padding may be (top, left, bottom, right).
struct Sizes {
  std::span<const int64_t> stride, padding, dilation;
};

// Reads the sizes of images (N, C, H, W); false where they are out of range.
bool read(const Tensor& input, const Tensor& output, const Sizes& sizes, int64_t kernel_height,
          int64_t kernel_width, int64_t groups, Geometry* geometry);

// Whether the output has the size that a convolution gives.
bool output_fits(const Geometry& geometry);

// Whether a missing or present bias has one number for each output channel.
bool bias_fits(const Call& call, int operand, int64_t out_channels);

// The product, or -1 where it is beyond kMaxElements.
int64_t elements(std::initializer_list<int64_t> sizes);

}  // namespace wtw::conv
