// Products of rows of bytes that have all their 8 bits, and packed int8 weights: exact sums.
//
// Relaxed dot products would not be exact here: both sides are widened to 16 bits. Rows consist of
// taps, and may be read behind them, as in int8_product.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/int8.h"
#include "kernels/odometer.h"
#include "kernels/product_output.h"

namespace wtw::integers {

using int8::kColumns;
using int8::kDepth;

inline constexpr int64_t kMostDepth = 1 << 15;  // sums of so many, with a zero point, fit 32 bits

struct Product {
  const int16_t* left;  // the first row
  Odometer<1> rows;     // where the others are, from there
  int64_t taps, steps;  // of kDepth numbers each
  const ptrdiff_t* offsets;
  const int8_t* weights;  // [panels][taps][steps][kColumns][kDepth]
  ProductOutput output;

  // Where sums go as they are; else (sum - zero of the row * sums) * (scale of the row * scale) +
  // bias, and the output's own epilogue.
  int32_t* whole;
  const float *scale, *bias, *row_scale, *row_zero;
  const int32_t* sums;
  int64_t row_step;  // 0 where all rows have one scale
};

// All of a product, by the threads that there are.
void multiply(const Product& product);

}  // namespace wtw::integers
