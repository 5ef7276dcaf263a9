// Images for convolutions that do not read their input in place.
#pragma once

#include "kernels/conv.h"

namespace wtw::conv {

// Copies images (N, C, H, W) of any strides to [group][n][y][x][c], with zeros around them: `g`
// has the padded sizes, the image begins at (top, left).
void copy_padded(const Geometry& g, const Tensor& input, int64_t top, int64_t left, float* to);

}  // namespace wtw::conv
