// Folds down the columns of a float32 matrix: what reductions of outer axes are made of.
#pragma once

#include <cstdint>

#include "kernels/fold.h"

namespace wtw::columns {

// Rows whose fold is kept in float32 before it joins a float64 total: long sums stay exact.
inline constexpr int64_t kRun = 128;

// A matrix of `rows` x `width`, its rows `pitch` floats apart.
struct Matrix {
  const float* data;
  int64_t rows, width, pitch;
};

// totals[c] takes in the sum, maximum or minimum of column c.
void add_folds(Fold fold, const Matrix& x, double* totals);

// totals[c] += the sum down column c of (x - centers[c])^2; whole vectors of centers are read.
void add_squares(const Matrix& x, const float* centers, double* totals);

}  // namespace wtw::columns
