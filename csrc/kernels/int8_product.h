// Products of rows of bytes, 0 to 127, and packed int8 weights: exact sums, tile by tile.
//
// A row of the left side is some runs of bytes ("taps"), at the same distances from the first byte
// of each row, so that a convolution is a product. The last step of a tap may read up to 3 bytes
// behind it, which meet weights of 0: whoever provides the rows provides those bytes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/axis.h"
#include "kernels/int8.h"
#include "kernels/odometer.h"

namespace wtw::int8 {

inline constexpr int64_t kMostDepth = 1 << 17;  // sums of so many products of 7 and 8 bits fit 32
inline constexpr int64_t kBehind = kDepth - 1;  // bytes that may be read behind a tap

struct Product {
  int64_t m, n;              // rows and columns of the output
  const uint8_t* left;       // the first row
  Odometer<1> rows;          // where the others are, from there
  int64_t taps, depth;       // bytes of each tap
  const ptrdiff_t* offsets;  // of taps, from a row's first byte
  const int8_t* weights;     // [ceil(n / 8)][taps][ceil(depth / 4)][8][4]

  ptrdiff_t panel_bytes() const { return taps * tap_bytes(); }
  ptrdiff_t tap_bytes() const { return ceil_div(depth, kDepth) * kStep; }
};

struct Output;  // int8_epilogue.h

// All of a product, by the threads that there are.
void multiply(const Product& product, const Output& output);

}  // namespace wtw::int8
