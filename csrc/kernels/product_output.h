// Where a product (m, n) of floats goes: four columns of a row at a time, tile by tile.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/simd.h"
#include "kernels/activation.h"
#include "kernels/gemm.h"
#include "kernels/rows.h"

namespace wtw {

struct ProductOutput {
  int64_t m, n;
  float* out;
  const float* residual;  // at the same places; or null
  Epilogue epilogue;
  Clamp bounds = clamp_of(epilogue);

  // y plus the residual, clamped: as many columns from `column` on as there are, up to four.
  void store(simd::f32x4 y, int64_t row, int64_t column) const {
    const int64_t at = row * n + column, count = n - column;
    if (residual) {
      const float* more = residual + at;
      y = simd::add(y, count >= 4 ? simd::load(more) : rows::load_part(more, count, 0));
    }
    if (bounds.active) y = simd::clamp(y, simd::splat(bounds.low), simd::splat(bounds.high));
    count >= 4 ? simd::store(out + at, y) : rows::store_part(out + at, y, count);
  }

  // Activations that are no clamp, on columns of some rows that are all there.
  void activate(int64_t row, int64_t last_row, int64_t column, int64_t last_column) const {
    if (!activates(epilogue)) return;
    const int64_t count = std::min(last_column, n) - column;
    for (; row < last_row; ++row) apply_activation(out + row * n + column, count, epilogue);
  }

  // One chunk of a product: run(row, rows, panel) for each tile of up to kRows rows and each panel.
  template <int kRows, class Run>
  void run_chunk(const gemm::Blocking& b, int64_t chunk, Run&& run) const {
    gemm::walk(b, chunk, [&](int64_t tile, int64_t panel, int64_t last) {
      const int64_t row = tile * kRows, end = std::min(row + kRows, m);
      for (int64_t i = panel; i < last; ++i) run(row, end - row, i);
      activate(row, end, panel * gemm::kPanel, last * gemm::kPanel);
    });
  }
};

}  // namespace wtw
