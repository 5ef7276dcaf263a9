// A few rows and a matrix in, sums of its rows or dot products with them out.
#include "kernels/few_rows.h"

#include <algorithm>

#include "core/simd.h"

namespace wtw::few_rows {
namespace {

using simd::f32x4;

constexpr int64_t kStrip = 256;   // columns whose sums are kept beside the output
constexpr int64_t kRun = 128;     // rows of the right side in one of these sums
constexpr int64_t kDepth = 2048;  // length of one dot product

// sums[j] += x[i] * rows[i * stride + j], over i < N.
template <int N>
void add_rows(const float* x, const float* rows, int64_t stride, float* sums, int64_t columns) {
  f32x4 factor[N];
  const float* row[N];
  for (int i = 0; i < N; ++i) {
    factor[i] = simd::load_splat(x + i);
    row[i] = rows + i * stride;
  }
  int64_t j = 0;
  for (; j + 4 <= columns; j += 4) {
    f32x4 sum = simd::load(sums + j);
    for (int i = 0; i < N; ++i) sum = simd::madd(factor[i], simd::load(row[i] + j), sum);
    simd::store(sums + j, sum);
  }
#pragma clang loop vectorize(disable) unroll(disable)
  for (; j < columns; ++j) {
    for (int i = 0; i < N; ++i) sums[j] += x[i] * row[i][j];
  }
}

// out[j] += the sum over k <= kRun rows, for columns <= kStrip.
void add_run(const float* x, const float* rows, int64_t stride, int64_t k, float* out,
             int64_t columns) {
  alignas(16) float sums[kStrip];
  std::fill_n(sums, columns, 0.0f);
  int64_t i = 0;
  for (; i + 8 <= k; i += 8) add_rows<8>(x + i, rows + i * stride, stride, sums, columns);
  for (; i < k; ++i) add_rows<1>(x + i, rows + i * stride, stride, sums, columns);
  int64_t j = 0;
  for (; j + 4 <= columns; j += 4) {
    simd::store(out + j, simd::add(simd::load(out + j), simd::load(sums + j)));
  }
  for (; j < columns; ++j) out[j] += sums[j];
}

// The sums of four vectors' lanes.
f32x4 sums_of(f32x4 a, f32x4 b, f32x4 c, f32x4 d) {
  const f32x4 ab =
      simd::add(wasm_i32x4_shuffle(a, b, 0, 4, 1, 5), wasm_i32x4_shuffle(a, b, 2, 6, 3, 7));
  const f32x4 cd =
      simd::add(wasm_i32x4_shuffle(c, d, 0, 4, 1, 5), wasm_i32x4_shuffle(c, d, 2, 6, 3, 7));
  return simd::add(wasm_i64x2_shuffle(ab, cd, 0, 2), wasm_i64x2_shuffle(ab, cd, 1, 3));
}

// out[j] += x . rows[j * stride ...], for j < 8.
void eight_dots(const float* x, const float* rows, int64_t stride, int64_t k, float* out) {
  f32x4 sum[8] = {};
  const float* row[8];
  for (int j = 0; j < 8; ++j) row[j] = rows + j * stride;
  int64_t i = 0;
  for (; i + 4 <= k; i += 4) {
    const f32x4 factor = simd::load(x + i);
    for (int j = 0; j < 8; ++j) sum[j] = simd::madd(factor, simd::load(row[j] + i), sum[j]);
    for (int j = 0; j < 8; ++j) simd::pin(sum[j]);
  }
  const f32x4 low = sums_of(sum[0], sum[1], sum[2], sum[3]);
  const f32x4 high = sums_of(sum[4], sum[5], sum[6], sum[7]);
  simd::store(out, simd::add(simd::load(out), low));
  simd::store(out + 4, simd::add(simd::load(out + 4), high));
#pragma clang loop vectorize(disable) unroll(disable)
  for (; i < k; ++i) {
    for (int j = 0; j < 8; ++j) out[j] += x[i] * row[j][i];
  }
}

float one_dot(const float* x, const float* row, int64_t k) {
  f32x4 sum = simd::splat(0);
  int64_t i = 0;
  for (; i + 4 <= k; i += 4) sum = simd::madd(simd::load(x + i), simd::load(row + i), sum);
  float total = simd::sum(sum);
  for (; i < k; ++i) total += x[i] * row[i];
  return total;
}

}  // namespace

void multiply(const Product& p) {
  for (int64_t column = 0; column < p.n; column += kStrip) {
    const int64_t columns = std::min(kStrip, p.n - column);
    for (int64_t i = 0; i < p.k; i += kRun) {
      const float* rows = p.right + i * p.right_stride + column;
      for (int64_t r = 0; r < p.m; ++r) {
        add_run(p.left + r * p.left_stride + i, rows, p.right_stride, std::min(kRun, p.k - i),
                p.out + r * p.out_stride + column, columns);
      }
    }
  }
}

void multiply_transposed(const Product& p) {
  for (int64_t i = 0; i < p.k; i += kDepth) {
    const int64_t depth = std::min(kDepth, p.k - i);
    const float *left = p.left + i, *right = p.right + i;
    int64_t j = 0;
    for (; j + 8 <= p.n; j += 8) {
      for (int64_t r = 0; r < p.m; ++r) {
        eight_dots(left + r * p.left_stride, right + j * p.right_stride, p.right_stride, depth,
                   p.out + r * p.out_stride + j);
      }
    }
    for (; j < p.n; ++j) {
      for (int64_t r = 0; r < p.m; ++r) {
        p.out[r * p.out_stride + j] +=
            one_dot(left + r * p.left_stride, right + j * p.right_stride, depth);
      }
    }
  }
}

}  // namespace wtw::few_rows
