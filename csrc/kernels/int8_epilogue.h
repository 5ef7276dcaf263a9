// What becomes of the exact sums of a product, in the order of the rows' references: taken to
// floats, and on to bytes where the output has them.
#pragma once

#include <cstdint>

#include "core/kernel.h"
#include "kernels/activation.h"
#include "kernels/int8_bytes.h"
#include "kernels/int8_product.h"

namespace wtw::int8 {

// Which operands and attributes a row has for it.
struct Names {
  int scale, sums, bias, residual;
  int activation, low, high;
};

struct Columns {
  const float* scale;  // each has one number for every column of every panel
  const int32_t* sums;
  const float* bias;
};
// Whether they have as many numbers as the panels have columns.
bool columns_fit(const Call& call, const Names& names, int64_t n);
// Of rows whose input is bytes: whether the attribute `zero` is one, the output has the dtype that
// the attribute says, and no activation that bytes do not have.
bool bytes_fit(const Call& call, const Names& names, int zero, int dtype);

// (sum - zero * sums) * (scale * columns' scale) + bias, then the residual, then the activation.
struct Output {
  int64_t n;
  Columns columns;
  const Scale* scales;  // of the left side
  int64_t rows_of_scale;
  Epilogue epilogue;
  float residual_scale = 1;
  const float* residual = nullptr;  // (m, n); at most one of the two is there
  const uint8_t* residual_bytes = nullptr;
  float* out = nullptr;  // (m, n); one of the two is there
  uint8_t* out_bytes = nullptr;

  void take(int64_t first, int64_t count, int64_t panel, const Sums& sums) const;
  // Activations that take whole rows, of floats alone.
  void done(int64_t first, int64_t count, int64_t panel, int64_t last) const;
};
// What the operands and attributes of a call ask for.
Output output_of(const Call& call, const Names& names, int64_t n, const Scale* scales,
                 int64_t rows_of_scale);

}  // namespace wtw::int8
