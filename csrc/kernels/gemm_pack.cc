// Matrices of any strides in, panels of 8 rows ([K][8], zero padded) out.
#include <cstring>

#include "kernels/gemm.h"

namespace wtw::gemm {
namespace {

// Eight rows with stride 1 along k: 4 x 4 transposes.
void pack_rows(const Matrix& source, int64_t k, float* to) {
  int64_t i = 0;
  for (; i + 4 <= k; i += 4) {
    for (int half = 0; half < 2; ++half) {
      simd::f32x4 rows[4];
      const float* from = source.data + half * 4 * source.row + i;
      for (int j = 0; j < 4; ++j) rows[j] = simd::load(from + j * source.row);
      simd::transpose(rows);
      for (int j = 0; j < 4; ++j) simd::store(to + (i + j) * kPanel + half * 4, rows[j]);
    }
  }
  for (; i < k; ++i) {
    for (int j = 0; j < kPanel; ++j) to[i * kPanel + j] = source.data[j * source.row + i];
  }
}

// Eight neighbouring rows lie side by side: copies.
void pack_columns(const Matrix& source, int64_t k, float* to) {
  for (int64_t i = 0; i < k; ++i) {
    std::memcpy(to + i * kPanel, source.data + i * source.column, kPanel * sizeof(float));
  }
}

void pack_any(const Matrix& source, int64_t rows, int64_t k, float* to) {
  for (int64_t i = 0; i < k; ++i) {
    for (int64_t j = 0; j < kPanel; ++j) {
      to[i * kPanel + j] = j < rows ? source.data[j * source.row + i * source.column] : 0;
    }
  }
}

}  // namespace

void pack_panel(const Matrix& source, int64_t n, int64_t k, int64_t panel, float* panels) {
  const Matrix here = {source.data + panel * kPanel * source.row, source.row, source.column};
  const int64_t rows = std::min<int64_t>(n - panel * kPanel, kPanel);
  float* to = panels + panel * kPanel * k;
  if (rows == kPanel && source.column == 1) {
    pack_rows(here, k, to);
  } else if (rows == kPanel && source.row == 1) {
    pack_columns(here, k, to);
  } else {
    pack_any(here, rows, k, to);
  }
}

}  // namespace wtw::gemm
