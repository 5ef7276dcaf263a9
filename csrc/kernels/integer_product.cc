// Tiles of two rows and a panel of eight columns, with what follows a sum.
#include "kernels/integer_product.h"

#include "kernels/gemm.h"
#include "kernels/rows.h"

namespace wtw::integers {
namespace {

using simd::f32x4;

constexpr int kStep = kColumns * kDepth;
constexpr int kVectors = kColumns / 4;
constexpr int kRows = 2;  // of a tile

// Sums of four columns of a row.
void finish(const Product& p, v128_t whole, int64_t row, int64_t column) {
  if (p.whole) {
    auto* out = reinterpret_cast<float*>(p.whole) + row * p.output.n + column;
    const int64_t n = p.output.n - column;
    return n >= 4 ? simd::store(out, whole) : rows::store_part(out, whole, n);
  }
  const f32x4 row_scale = simd::load_splat(p.row_scale + row * p.row_step);
  const v128_t zero = wasm_i32x4_trunc_sat_f32x4(simd::load_splat(p.row_zero + row * p.row_step));
  const v128_t moved = wasm_i32x4_sub(whole, wasm_i32x4_mul(zero, wasm_v128_load(p.sums + column)));
  const f32x4 factor = simd::mul(row_scale, simd::load(p.scale + column));
  const f32x4 y = simd::mul(wasm_f32x4_convert_i32x4(moved), factor);
  p.output.store(simd::add(y, simd::load(p.bias + column)), row, column);
}

// R rows from `first` on times one panel.
template <int R>
[[gnu::noinline]] void run_panel(const Product& p, int64_t first, int64_t panel) {
  const int8_t* w = p.weights + panel * p.taps * p.steps * kStep;
  const int16_t* left[R];
  for (int r = 0; r < R; ++r) left[r] = p.left + p.rows.at(first + r)[0];
  v128_t sum[R][2 * kVectors] = {};  // of pairs
  for (int64_t tap = 0; tap < p.taps; ++tap) {
    const int16_t* x[R];
    for (int r = 0; r < R; ++r) x[r] = left[r] + p.offsets[tap];
    for (const int8_t* const end = w + p.steps * kStep; w != end; w += kStep) {
      v128_t columns[2 * kVectors];
      for (int v = 0; v < kVectors; ++v) {
        const v128_t bytes = wasm_v128_load(w + v * 16);
        columns[2 * v] = wasm_i16x8_extend_low_i8x16(bytes);
        columns[2 * v + 1] = wasm_i16x8_extend_high_i8x16(bytes);
      }
      for (int r = 0; r < R; ++r) {
        const v128_t numbers = wasm_v128_load64_splat(x[r]);
        for (int v = 0; v < 2 * kVectors; ++v) {
          sum[r][v] = wasm_i32x4_add(sum[r][v], wasm_i32x4_dot_i16x8(columns[v], numbers));
        }
        x[r] += kDepth;
      }
      for (auto& row : sum) {
        for (v128_t& one : row) simd::pin(one);
      }
    }
  }
  for (int v = 0; v < kVectors && panel * kColumns + v * 4 < p.output.n; ++v) {
    for (int r = 0; r < R; ++r) {
      const v128_t low = sum[r][2 * v], high = sum[r][2 * v + 1];
      const v128_t whole = wasm_i32x4_add(wasm_i32x4_shuffle(low, high, 0, 2, 4, 6),
                                          wasm_i32x4_shuffle(low, high, 1, 3, 5, 7));
      finish(p, whole, first + r, panel * kColumns + v * 4);
    }
  }
}

}  // namespace

void multiply(const Product& p) {
  const gemm::Blocking cut = gemm::blocking(ceil_div(p.output.m, kRows),
                                            gemm::panels_of(p.output.n), p.taps * p.steps * 2);
  pool::parallel(cut.chunks(), [&](int64_t chunk, int) {
    p.output.run_chunk<kRows>(cut, chunk, [&](int64_t row, int64_t rows, int64_t panel) {
      rows == 1 ? run_panel<1>(p, row, panel) : run_panel<2>(p, row, panel);
    });
  });
}

}  // namespace wtw::integers
