// Winograd's transforms of 3 x 3 convolutions with stride 1: tiles of m x m outputs, m = 2 or 4.
//
// With n = m + 2, each of the n x n planes is a matrix product of its own: transformed input
// (tiles, I) times transformed weights (I, O). Points are 0, infinity and ±1 for m = 2, ±1/sqrt(2)
// and ±sqrt(2) for m = 4 (ops/winograd.py).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/activation.h"
#include "kernels/gemm.h"

namespace wtw::winograd {

// n x n input pixels of a tile: all their channels, of which there are whole vectors.
struct InputTile {
  const float* pixels;
  ptrdiff_t row_step, pixel_step, channels;
  float* planes;         // channel 0 of this tile in plane 0
  ptrdiff_t plane_step;  // from plane to plane, in floats
};

// m x m output pixels of a tile, or what of them lies in the image: neighbouring channels.
struct OutputTile {
  const float* planes;
  ptrdiff_t plane_step;
  float* out;
  const float* residual;  // as `out`, or null
  ptrdiff_t row_step, pixel_step;
  ptrdiff_t rows, columns, channels;
  Epilogue epilogue;  // its bias from the tile's first channel on
};

inline constexpr int64_t kWeightChannels = 8;

// Weights (3, 3, I) of 8 output channels, for up to kWeightChannels input channels. Outputs beyond
// `outputs` are zeros.
struct WeightTile {
  const float* weights;
  ptrdiff_t output_step, tap_step;
  ptrdiff_t outputs, channels;
  float* planes;  // [n][n][channels][8]
  ptrdiff_t plane_step;
};

struct Transforms {
  int64_t outputs;  // m
  void (*input)(const InputTile& tile);
  void (*output)(const OutputTile& tile);
  void (*weight)(const WeightTile& tile);

  int64_t points() const { return outputs + 2; }
  int64_t planes() const { return points() * points(); }
};

// For m outputs; null where there are none.
const Transforms* transforms(int64_t outputs);

// gemm::run_block for any number of rows, while weights that the next product takes come from
// memory: they lie `next` floats behind those of this one (0: there are none).
void multiply(const gemm::Block& block, ptrdiff_t next);

}  // namespace wtw::winograd
