// What becomes of the exact sums of a product, in the order of the rows' references: taken to
// floats, and on to bytes where the output has them.
#pragma once

#include <cstddef>
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

// Where some rows of a product go, and what is added there, at one distance from row to row.
struct Place {
  float* out;  // one of the two is there
  uint8_t* out_bytes;
  const float* residual;  // at most one of the two is there
  const uint8_t* residual_bytes;
  ptrdiff_t stride;

  Place at(ptrdiff_t i) const {
    return {out ? out + i : nullptr, out_bytes ? out_bytes + i : nullptr,
            residual ? residual + i : nullptr, residual_bytes ? residual_bytes + i : nullptr,
            stride};
  }
};

// (sum - zero * sums) * (scale * columns' scale) + bias, then the residual, then the activation.
struct Output {
  Place place;
  Columns columns;
  const Scale* scales;    // of the left side; its scale is 1 where bytes are written
  int64_t rows_of_scale;  // 0 where all rows have one, as they do where bytes are written
  Epilogue epilogue;
  float residual_scale = 1;
  Clamp bounds = clamp_of(epilogue);  // of bytes, within 0 to kMost

  const Scale& scale_of(int64_t row) const {
    return scales[rows_of_scale > 1 ? row / rows_of_scale : row * rows_of_scale];
  }
};
// What the operands and attributes of a call ask for.
Output output_of(const Call& call, const Names& names, int64_t n, const Scale* scales,
                 int64_t rows_of_scale);

}  // namespace wtw::int8
