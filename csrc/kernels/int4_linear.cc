// int4_linear: input (..., K), made 8 bits in blocks of 32, times int4 weights; (..., N) out.
//
// All arithmetic is as the row's reference has it, in the same order: the sums of a block are whole
// numbers, and what follows is rounded alike in every variant.
#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "core/kernel.h"
#include "kernels/gemm.h"
#include "kernels/int4.h"
#include "kernels/linear_rows.h"
#include "kernels/product_output.h"
#include "ops.h"

namespace wtw {
namespace {

using namespace int4;
using simd::f32x4;
namespace op = op::int4_linear;

constexpr float kLeastMagnitude = 0x1p-100f;
constexpr float kInfinity = __builtin_inff();
constexpr int64_t kChunkNumbers = 32 << 10;  // that are quantised: about 20 us

struct Sizes : LinearSizes {
  int64_t blocks;
};

Sizes sizes_of(const Call& call) {
  const LinearSizes s = linear_sizes(call);
  return {s, ceil_div(s.k, kBlock)};
}

Code check(Call& call) {
  WTW_CHECK(linear_fits(call, op::columns_, op::residual_));
  const Sizes s = sizes_of(call);
  WTW_CHECK(has_shape(call.in(op::weight_), {s.panels(), s.blocks, kBlockBytes}));
  WTW_CHECK(has_shape(call.in(op::scale_), {s.panels(), s.blocks, kColumns}));
  WTW_CHECK(has_shape(call.in(op::zero_), {s.panels(), s.blocks, kColumns}));
  WTW_CHECK(has_shape(call.in(op::bias_), {s.panels() * kColumns}));
  call.need_scratch(s.m * s.blocks * int64_t{sizeof(Left)});
  return Code::ok;
}

float largest(f32x4 v) {
  const f32x4 two = wasm_f32x4_max(v, wasm_i32x4_shuffle(v, v, 2, 3, 0, 1));
  return wasm_f32x4_extract_lane(wasm_f32x4_max(two, wasm_i32x4_shuffle(two, two, 1, 0, 3, 2)), 0);
}

// A whole block. NaN and infinities make all outputs of the row NaN.
void quantize(const float* x, Left& out) {
  f32x4 most = simd::splat(0);
  for (int i = 0; i < kBlock; i += 4) {
    most = wasm_f32x4_max(most, simd::abs(simd::load(x + i)));
  }
  const float magnitude = largest(most);
  if (!(magnitude >= kLeastMagnitude && magnitude < kInfinity)) {
    out = {};
    if (!(magnitude < kLeastMagnitude)) out.scale = __builtin_nanf("");
    return;
  }
  out.scale = magnitude / 127;
  const f32x4 factor = simd::splat(127 / magnitude);
  v128_t sum = wasm_i32x4_splat(0);
  for (int i = 0; i < kBlock; i += 4) {
    const f32x4 rounded = wasm_f32x4_nearest(simd::mul(simd::load(x + i), factor));
    const v128_t q = wasm_i32x4_trunc_sat_f32x4(rounded);
    store_numbers(out.numbers + i, q);
    sum = wasm_i32x4_sub(sum, q);
  }
  out.less[0] = wasm_i32x4_extract_lane(sum, 0) + wasm_i32x4_extract_lane(sum, 1);
  out.less[1] = wasm_i32x4_extract_lane(sum, 2) + wasm_i32x4_extract_lane(sum, 3);
}

void quantize_row(const float* x, int64_t k, Left* out) {
  for (; k >= kBlock; k -= kBlock, x += kBlock) quantize(x, *out++);
  if (k == 0) return;
  alignas(16) float rest[kBlock] = {};
  std::copy_n(x, k, rest);
  quantize(rest, *out);
}

// What all tiles share.
struct Product {
  Sizes sizes;
  const Left* left;
  const uint8_t* weights;
  const uint16_t* scales;  // bfloat16
  const uint8_t* zeros;
  const float* bias;
  ProductOutput output;
};

// R rows from `first` on times one panel.
template <int R>
[[gnu::noinline]] void run_panel(const Product& p, int64_t first, int64_t panel) {
  const Sizes& s = p.sizes;
  const uint8_t* w = p.weights + panel * s.blocks * kBlockBytes;
  const uint16_t* scales = p.scales + panel * s.blocks * kColumns;
  const uint8_t* zeros = p.zeros + panel * s.blocks * kColumns;
  const Left* x[R];
  for (int r = 0; r < R; ++r) x[r] = p.left + (first + r) * s.blocks;
  alignas(16) float y[R][kColumns] = {};
  for (int64_t b = 0; b < s.blocks; ++b) {
    const v128_t zero = wasm_u16x8_load8x8(zeros + b * kColumns);
    const v128_t zero_pairs[kVectors] = {wasm_i16x8_shuffle(zero, zero, 0, 0, 1, 1, 2, 2, 3, 3),
                                         wasm_i16x8_shuffle(zero, zero, 4, 4, 5, 5, 6, 6, 7, 7)};
    v128_t sum[R][kVectors];
    for (int r = 0; r < R; ++r) {
      const v128_t less = wasm_v128_load32_splat(x[r]->less);
      for (int v = 0; v < kVectors; ++v) sum[r][v] = start(zero_pairs[v], less);
    }
#pragma clang loop unroll_count(2)
    for (int step = 0; step < kSteps; ++step, w += kStepBytes) {
      v128_t columns[kParts];
      unpack(columns, wasm_v128_load(w));
      for (int r = 0; r < R; ++r) add(sum[r], columns, x[r]->numbers + step * kDepth);
      for (auto& row : sum) {
        for (v128_t& one : row) simd::pin(one);
      }
    }
    const v128_t none = wasm_i32x4_splat(0), scale = wasm_v128_load(scales + b * kColumns);
    const f32x4 factor[kVectors] = {wasm_i16x8_shuffle(none, scale, 0, 8, 1, 9, 2, 10, 3, 11),
                                    wasm_i16x8_shuffle(none, scale, 4, 12, 5, 13, 6, 14, 7, 15)};
    float* to = y[0];
    simd::pin(to);  // in memory: the sums of a block need the registers
    for (int r = 0; r < R; ++r, to += kColumns) {
      const f32x4 step = simd::load_splat(&x[r]->scale);
      for (int v = 0; v < kVectors; ++v) {
        const f32x4 whole = wasm_f32x4_convert_i32x4(total(sum[r][v]));
        const f32x4 more = simd::mul(simd::mul(whole, factor[v]), step);
        simd::store(to + 4 * v, simd::add(simd::load(to + 4 * v), more));
      }
      ++x[r];
    }
  }
  for (int v = 0; v < kVectors; ++v) {
    const int64_t column = panel * kColumns + v * 4;
    if (column >= s.n) break;
    const f32x4 bias = simd::load(p.bias + column);
    for (int r = 0; r < R; ++r) {
      p.output.store(simd::add(simd::load(y[r] + 4 * v), bias), first + r, column);
    }
  }
}

using Run = void (*)(const Product&, int64_t row, int64_t panel);
template <size_t... R>
constexpr std::array<Run, kRows> runs(std::index_sequence<R...>) {
  return {run_panel<R + 1>...};
}
constexpr std::array<Run, kRows> kRuns = runs(std::make_index_sequence<kRows>());

Code run(Call& call) {
  const Tensor &x = call.in(op::input_), &y = call.out();
  if (y.numel == 0) return Code::ok;
  const Sizes s = sizes_of(call);
  Left* left = reinterpret_cast<Left*>(call.scratch());
  for_rows(x, s, kChunkNumbers, [&](int64_t r, int64_t offset) {
    quantize_row(x.as<float>() + offset, s.k, left + r * s.blocks);
  });
  const Epilogue epilogue = epilogue_of(call, op::bias_, op::activation_, op::low_, op::high_);
  const float* residual = call.has(op::residual_) ? call.in(op::residual_).as<float>() : nullptr;
  const Product product = {s,
                           left,
                           call.in(op::weight_).as<uint8_t>(),
                           call.in(op::scale_).as<uint16_t>(),
                           call.in(op::zero_).as<uint8_t>(),
                           epilogue.bias,
                           {s.m, s.n, y.as<float>(), residual, epilogue}};
  const gemm::Blocking cut = gemm::blocking(ceil_div(s.m, kRows), s.panels(), ceil_div(s.k, 2));
  pool::parallel(cut.chunks(), [&](int64_t chunk, int) {
    product.output.run_chunk<kRows>(cut, chunk, [&](int64_t row, int64_t rows, int64_t panel) {
      kRuns[rows - 1](product, row, panel);
    });
  });
  return Code::ok;
}

}  // namespace

WTW_KERNEL(int4_linear, check, run);

}  // namespace wtw
