// Where an output position of a resized axis lies in the input, as PyTorch computes it.
//
// PyTorch takes float32 for float32 images (and float64 for float64); rounding decides which
// pixels far positions fall on, so that the same type and order of operations is needed here.
#pragma once

#include <cmath>
#include <cstdint>

#include "core/kernel.h"

namespace wtw::upsample {

// Sizes are below this: no product of two overflows.
inline constexpr int64_t kLimit = int64_t{1} << 30;

struct Axis {
  int64_t in = 0, out = 0;
  double scale = 0;  // output by input; 0: from the sizes
  bool align_corners = false;

  // Input steps for one output step.
  template <class T>
  T ratio() const {
    if (align_corners) return out > 1 ? static_cast<T>(in - 1) / static_cast<T>(out - 1) : T{0};
    return scale > 0 ? static_cast<T>(1 / scale) : static_cast<T>(in) / static_cast<T>(out);
  }

  bool valid() const {
    if (in < 1 || in >= kLimit || out < 1 || out >= kLimit) return false;
    return scale >= 0 && scale < kLimit && (scale == 0 || 1 / scale < kLimit);
  }
};

// The image's sizes; memory is (images, height, width, channels).
struct Image {
  int64_t images, channels;
  Axis height, width;
};

// Reads what all rows of this family share: x and y of (N, C, H, W), `output_size` and `scales`.
Code read_image(Call& call, Image& image);

}  // namespace wtw::upsample
