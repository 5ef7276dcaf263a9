// What convolutions of any number of axes share: the sizes of a call, checked.
#pragma once

#include "kernels/conv.h"

namespace wtw::conv {

inline constexpr int kAxes = 3;

// Depth, height and width; where a call has fewer axes, the first ones have size and kernel 1.
struct Volume {
  int64_t batch, channels, out_channels, groups;
  Axis axes[kAxes];

  int64_t group_channels() const { return channels / groups; }
  int64_t group_outputs() const { return out_channels / groups; }
  int64_t positions() const { return batch * axes[0].out * axes[1].out * axes[2].out; }
};

// Reads the sizes of (N, C, *axes); `kernel` has the kernel's size along each axis. False where
// they are out of range. Whether the output's axes follow from the input's is left to the caller.
bool read_volume(const Tensor& input, const Tensor& output, const Sizes& sizes,
                 const int64_t* kernel, int64_t groups, Volume* volume);

}  // namespace wtw::conv
