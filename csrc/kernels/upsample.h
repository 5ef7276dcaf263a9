// The axes of an image that is resized.
#pragma once

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
  double ratio() const {
    const double n = static_cast<double>(in), m = static_cast<double>(out);
    if (align_corners) return m > 1 ? (n - 1) / (m - 1) : 0;
    return scale > 0 ? 1 / scale : n / m;
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
