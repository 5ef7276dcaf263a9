// integer_linear: bytes (..., K) times packed int8 weights, exactly; sums, or floats, (..., N) out.
//
// Bytes have all their 8 bits here, so that relaxed dot products would not be exact: both sides are
// widened to 16.
#include <algorithm>
#include <array>
#include <utility>

#include "core/kernel.h"
#include "kernels/gemm.h"
#include "kernels/linear_rows.h"
#include "kernels/product_output.h"
#include "ops.h"

namespace wtw {
namespace {

using simd::f32x4;
namespace op = op::integer_linear;

constexpr int kColumns = 8, kDepth = 4;  // of a panel; of a step of it
constexpr int kStep = kColumns * kDepth;
constexpr int kVectors = kColumns / 4;
constexpr int kRows = 2;                     // of a tile
constexpr int64_t kMostDepth = 1 << 15;      // sums of so many products, with a zero point, fit 32
constexpr int64_t kChunkNumbers = 64 << 10;  // that are widened

struct Sizes : LinearSizes {
  int64_t steps;
};

Sizes sizes_of(const Call& call) {
  const LinearSizes s = linear_sizes(call);
  return {s, ceil_div(s.k, kDepth)};
}

Code check(Call& call) {
  WTW_CHECK(linear_fits(call, op::columns_));
  const Tensor& y = call.out();
  const Sizes s = sizes_of(call);
  WTW_CHECK(s.k <= kMostDepth);
  WTW_CHECK(has_shape(call.in(op::weight_), {s.panels(), s.steps, kColumns, kDepth}));
  const bool floats = y.dtype == DType::float32;
  for (const int operand : {op::sums_, op::scale_, op::bias_}) {
    WTW_CHECK(call.has(operand) == floats);
    if (floats) WTW_CHECK(has_shape(call.in(operand), {s.panels() * kColumns}));
  }
  WTW_CHECK(call.has(op::row_scale_) == floats && call.has(op::row_zero_) == floats);
  if (floats) {
    const int64_t numel = call.in(op::row_scale_).numel;
    WTW_CHECK((numel == 1 || numel == s.m) && numel == call.in(op::row_zero_).numel);
  }
  call.need_scratch(s.m * s.steps * kDepth * int64_t{sizeof(int16_t)});
  return Code::ok;
}

template <class Byte>
void widen(const Byte* x, int64_t k, int16_t* out) {
  for (int64_t i = 0; i < k; ++i) out[i] = x[i];
  std::fill_n(out + k, -k & (kDepth - 1), int16_t{0});
}

// What all tiles share.
struct Product {
  Sizes sizes;
  const int16_t* left;
  const int8_t* weights;
  int32_t* whole;  // where sums go as they are; else all that follows is there
  const float *scale, *bias, *row_scale, *row_zero;
  const int32_t* sums;
  int64_t row_step;  // 0 where all rows have one scale
  ProductOutput output;
};

// Sums of four columns of a row.
void finish(const Product& p, v128_t whole, int64_t row, int64_t column) {
  if (p.whole) {
    auto* out = reinterpret_cast<float*>(p.whole) + row * p.sizes.n + column;
    const int64_t n = p.sizes.n - column;
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
  const Sizes& s = p.sizes;
  const int8_t* w = p.weights + panel * s.steps * kStep;
  const int8_t* const end = w + s.steps * kStep;
  const int16_t* x[R];
  for (int r = 0; r < R; ++r) x[r] = p.left + (first + r) * s.steps * kDepth;
  v128_t sum[R][2 * kVectors] = {};  // of pairs
  for (; w != end; w += kStep) {
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
  for (int v = 0; v < kVectors && panel * kColumns + v * 4 < s.n; ++v) {
    for (int r = 0; r < R; ++r) {
      const v128_t low = sum[r][2 * v], high = sum[r][2 * v + 1];
      const v128_t whole = wasm_i32x4_add(wasm_i32x4_shuffle(low, high, 0, 2, 4, 6),
                                          wasm_i32x4_shuffle(low, high, 1, 3, 5, 7));
      finish(p, whole, first + r, panel * kColumns + v * 4);
    }
  }
}

Code run(Call& call) {
  const Tensor &x = call.in(op::input_), &y = call.out();
  if (y.numel == 0) return Code::ok;
  const Sizes s = sizes_of(call);
  auto* left = reinterpret_cast<int16_t*>(call.scratch());
  const bool is_signed = x.dtype == DType::int8;
  for_rows(x, s, kChunkNumbers, [&](int64_t r, int64_t at) {
    int16_t* out = left + r * s.steps * kDepth;
    is_signed ? widen(x.as<int8_t>() + at, s.k, out) : widen(x.as<uint8_t>() + at, s.k, out);
  });
  Product product = {};
  product.sizes = s;
  product.left = left;
  product.weights = call.in(op::weight_).as<int8_t>();
  product.output = {s.m, s.n, nullptr, nullptr, {}};
  if (y.dtype == DType::int32) {
    product.whole = y.as<int32_t>();
  } else {
    const Epilogue epilogue = epilogue_of(call, op::bias_, op::activation_, op::low_, op::high_);
    product.scale = call.in(op::scale_).as<float>();
    product.bias = epilogue.bias;
    product.row_scale = call.in(op::row_scale_).as<float>();
    product.row_zero = call.in(op::row_zero_).as<float>();
    product.sums = call.in(op::sums_).as<int32_t>();
    product.row_step = call.in(op::row_scale_).numel == 1 ? 0 : 1;
    product.output = {s.m, s.n, y.as<float>(), nullptr, epilogue};
  }
  const gemm::Blocking cut = gemm::blocking(ceil_div(s.m, kRows), s.panels(), s.steps * 2);
  pool::parallel(cut.chunks(), [&](int64_t chunk, int) {
    product.output.run_chunk<kRows>(cut, chunk, [&](int64_t row, int64_t rows, int64_t panel) {
      rows == 1 ? run_panel<1>(product, row, panel) : run_panel<2>(product, row, panel);
    });
  });
  return Code::ok;
}

}  // namespace

WTW_KERNEL(integer_linear, check, run);

}  // namespace wtw
