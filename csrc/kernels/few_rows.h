// Products of a few rows with a large matrix, which is read once, where it lies.
//
// Packing it into panels costs as much as multiplying about six rows. Long sums are made of short
// ones, which keeps their error small.
#pragma once

#include <cstdint>

namespace wtw::few_rows {

inline constexpr int64_t kMost = 4;

// (m, k) times a right side with contiguous rows; what `out`, (m, n), holds is added to.
struct Product {
  int64_t m, n, k;
  const float* left;
  int64_t left_stride;  // from row to row, in floats
  const float* right;
  int64_t right_stride;
  float* out;
  int64_t out_stride;
};

// The right side is (k, n).
void multiply(const Product& product);
// The right side is (n, k).
void multiply_transposed(const Product& product);

}  // namespace wtw::few_rows
