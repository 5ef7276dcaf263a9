// Tensors of one to three axes beside batch and channels in, checked sizes out.
#include <algorithm>

#include "kernels/conv_nd.h"

namespace wtw::conv {
namespace {

bool all_within(std::span<const int64_t> values, int64_t low) {
  return std::all_of(values.begin(), values.end(),
                     [low](int64_t value) { return value >= low && value <= kMaxSize; });
}

}  // namespace

bool read_volume(const Tensor& input, const Tensor& output, const Sizes& sizes,
                 const int64_t* kernel, int64_t groups, Volume* volume) {
  const int n = input.rank - 2;
  if (n < 1 || n > kAxes || output.rank != input.rank) return false;
  const size_t axes = static_cast<size_t>(n);
  for (const auto& list : {sizes.stride, sizes.padding, sizes.dilation}) {
    if (list.size() != axes) return false;
  }
  if (!all_within(sizes.stride, 1) || !all_within(sizes.dilation, 1)) return false;
  if (!all_within(sizes.padding, 0) || !all_within({kernel, axes}, 1)) return false;
  if (!all_within({input.shape, axes + 2}, 0) || !all_within({output.shape, axes + 2}, 0)) {
    return false;
  }
  if (groups < 1 || input.shape[1] % groups != 0 || output.shape[1] % groups != 0) return false;
  *volume = {.batch = input.shape[0],
             .channels = input.shape[1],
             .out_channels = output.shape[1],
             .groups = groups,
             .axes = {}};
  for (int i = 0; i < kAxes; ++i) {
    const int at = i - (kAxes - n);
    Axis& axis = volume->axes[i];
    axis = {.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1, .before = 0, .after = 0};
    if (at < 0) continue;
    axis = {.in = input.shape[2 + at],
            .out = output.shape[2 + at],
            .kernel = kernel[at],
            .stride = sizes.stride[at],
            .dilation = sizes.dilation[at],
            .before = sizes.padding[at],
            .after = sizes.padding[at]};
  }
  return output.shape[0] == volume->batch;
}

}  // namespace wtw::conv
