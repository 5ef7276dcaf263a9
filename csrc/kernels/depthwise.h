// Tiles of a depthwise convolution: 7 output pixels of one row, all channels.
#pragma once

#include <cstdint>

#include "kernels/activation.h"

namespace wtw::depthwise {

inline constexpr int kPixels = 7;
inline constexpr int kLanes = 4;

// Input pixel i of kernel row ky is image[ky * row_step + i * pixel_step]; pixels outside
// [first, last) are padding. Output pixel j sees input pixels j * stride to j * stride + K - 1.
struct Tile {
  const float* image;  // of the first kernel row that meets the image; pixel 0 may lie outside
  int64_t row_step, pixel_step;
  int64_t first, last;
  const float* weights;  // (rows, K, channels), from that kernel row on
  int64_t rows, channels;
  const float* bias;  // or null
  float* out;
  const float* residual;  // as `out`, or null
  int64_t out_step;
  int64_t count;  // output pixels, up to kPixels
  Clamp bounds;
};

// All channels of a tile, for one kernel width and stride; channels >= kLanes.
using Run = void (*)(const Tile& tile);

// Those that exist: kernel width 3 or 5 with stride 1 or 2, 7 with stride 1. Null for all others.
Run specialised(int64_t kernel_width, int64_t stride);

// Input pixels that a tile reaches.
constexpr int64_t reach(int64_t kernel_width, int64_t stride) {
  return (kPixels - 1) * stride + kernel_width;
}

}  // namespace wtw::depthwise
