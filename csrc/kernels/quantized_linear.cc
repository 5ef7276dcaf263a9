// quantized_linear: input (..., K), each row made 7 bits, times int8 weights; (..., N) out.
//
// All arithmetic is as the row's reference has it, in the same order: products and sums are whole
// numbers, and what follows is rounded alike in every variant.
#include <array>
#include <cstring>
#include <utility>

#include "core/kernel.h"
#include "kernels/gemm.h"
#include "kernels/int8.h"
#include "kernels/odometer.h"
#include "kernels/rows.h"
#include "ops.h"

namespace wtw {
namespace {

using namespace int8;
using simd::f32x4;
namespace op = op::quantized_linear;

constexpr int64_t kMostDepth = 1 << 17;  // sums of so many products of 7 and 8 bits fit 32
constexpr float kSteps = 127;
constexpr float kLeastRange = 0x1p-100f;
constexpr float kInfinity = __builtin_inff();
constexpr int64_t kChunkNumbers = 32 << 10;  // that are quantised: about 20 us

// x = scale * (q - zero), about.
struct Scale {
  float scale;
  int32_t zero;
};

struct Sizes {
  int64_t m, n, k, steps, panels;

  int64_t row_bytes() const { return steps * kDepth * int64_t{sizeof(Left)}; }
  int64_t left_bytes() const { return m * row_bytes(); }
};

Sizes sizes_of(const Call& call) {
  const Tensor &x = call.in(op::input_), &y = call.out();
  const int64_t n = y.size(-1), k = x.size(-1);
  return {n > 0 ? y.numel / n : 0, n, k, ceil_div(k, kDepth), ceil_div(n, kColumns)};
}

Code check(Call& call) {
  const Tensor &x = call.in(op::input_), &w = call.in(op::weight_), &y = call.out();
  WTW_CHECK(x.rank >= 1 && y.rank == x.rank && w.rank == 4);
  WTW_CHECK(std::equal(x.shape, x.shape + x.rank - 1, y.shape));
  const Sizes s = sizes_of(call);
  WTW_CHECK(s.k >= 1 && s.k <= kMostDepth && call.integer(op::columns_) == s.n);
  WTW_CHECK(w.shape[0] == s.panels && w.shape[1] == s.steps);
  WTW_CHECK(w.shape[2] == kColumns && w.shape[3] == kDepth);
  for (const int column : {op::scale_, op::sums_, op::bias_}) {
    const Tensor& each = call.in(column);
    WTW_CHECK(each.rank == 1 && each.size(0) == s.panels * kColumns);
  }
  if (call.has(op::residual_)) WTW_CHECK(same_shape(call.in(op::residual_), y));
  call.need_scratch(aligned(s.left_bytes()) + s.m * int64_t{sizeof(Scale)});
  return Code::ok;
}

f32x4 load_four(const float* x, int64_t n) {
  return n >= 4 ? simd::load(x) : rows::load_part(x, n, 0);
}

float least(f32x4 v) {
  const f32x4 two = wasm_f32x4_min(v, wasm_i32x4_shuffle(v, v, 2, 3, 0, 1));
  return wasm_f32x4_extract_lane(wasm_f32x4_min(two, wasm_i32x4_shuffle(two, two, 1, 0, 3, 2)), 0);
}

// A row and its zeros up to whole steps. NaN and what is too far apart make all outputs NaN.
Scale quantize(const float* x, int64_t k, Left* out) {
  f32x4 low = simd::splat(0), high = low;
  for (int64_t i = 0; i < k; i += 4) {
    const f32x4 v = load_four(x + i, k - i);
    low = wasm_f32x4_min(low, v);
    high = wasm_f32x4_max(high, v);
  }
  const float bottom = least(low), range = -least(simd::neg(high)) - bottom;
  if (!(range >= kLeastRange && range < kInfinity)) {
    std::memset(out, 0, ceil_div(k, kDepth) * kDepth * sizeof(Left));
    return {range < kLeastRange ? 0 : __builtin_nanf(""), 0};
  }
  const float inverse = kSteps / range;
  const int32_t zero = static_cast<int32_t>(__builtin_nearbyintf(-bottom * inverse));
  const f32x4 factor = simd::splat(inverse);
  const v128_t shift = wasm_i32x4_splat(zero), most = wasm_i32x4_splat(127);
  for (int64_t i = 0; i < k; i += 4) {
    const f32x4 rounded = wasm_f32x4_nearest(simd::mul(load_four(x + i, k - i), factor));
    const v128_t q = wasm_i32x4_add(wasm_i32x4_trunc_sat_f32x4(rounded), shift);
    store_left(out + i, wasm_i32x4_max(wasm_i32x4_min(q, most), wasm_i32x4_splat(0)));
  }
  return {range / kSteps, zero};
}

// What all tiles share.
struct Product {
  Sizes sizes;
  const Left* left;
  const Scale* scales;  // of rows
  const int8_t* weights;
  const float* scale;  // of columns
  const int32_t* sums;
  const float* bias;
  const float* residual;  // or null
  Clamp bounds;
  float* out;
};

struct Columns {
  f32x4 scale[kVectors], bias[kVectors];
  v128_t sums[kVectors];
};

Columns columns_at(const Product& p, int64_t panel) {
  Columns c;
  for (int v = 0; v < kVectors; ++v) {
    const int64_t column = panel * kColumns + v * 4;
    c.scale[v] = simd::load(p.scale + column);
    c.bias[v] = simd::load(p.bias + column);
    c.sums[v] = wasm_v128_load(p.sums + column);
  }
  return c;
}

// Four numbers of a row, at most n of which there are.
void finish(const Product& p, f32x4 y, int64_t at, int64_t n) {
  if (p.residual) y = simd::add(y, load_four(p.residual + at, n));
  if (p.bounds.active) {
    y = simd::clamp(y, simd::splat(p.bounds.low), simd::splat(p.bounds.high));
  }
  n >= 4 ? simd::store(p.out + at, y) : rows::store_part(p.out + at, y, n);
}

// R rows from `row` on times one panel.
template <int R, class Dot>
[[gnu::noinline]] void run_panel(const Product& p, int64_t first, int64_t panel) {
  const Sizes& s = p.sizes;
  const int8_t* w = p.weights + panel * s.steps * kStep;
  const int8_t* const end = w + s.steps * kStep;
  const Left* x[R];
  for (int r = 0; r < R; ++r) x[r] = p.left + (first + r) * s.steps * kDepth;
  v128_t sum[R][kSums] = {};
  for (; w != end; w += kStep) {
    v128_t columns[kVectors];
    for (int v = 0; v < kVectors; ++v) columns[v] = wasm_v128_load(w + v * 16);
    for (int r = 0; r < R; ++r) {
      Dot::add(sum[r], columns, load_left(x[r]));
      x[r] += kDepth;
    }
    for (auto& row : sum) {
      for (v128_t& one : row) simd::pin(one);
    }
  }
  const Columns c = columns_at(p, panel);
  for (int r = 0; r < R; ++r) {
    const Scale& scale = p.scales[first + r];
    for (int v = 0; v < kVectors; ++v) {
      const int64_t column = panel * kColumns + v * 4;
      if (column >= s.n) break;
      const v128_t zeros = wasm_i32x4_mul(c.sums[v], wasm_i32x4_splat(scale.zero));
      const v128_t whole = wasm_i32x4_sub(sum_of(sum[r], v), zeros);
      const f32x4 factor = simd::mul(simd::splat(scale.scale), c.scale[v]);
      const f32x4 y = simd::mul(wasm_f32x4_convert_i32x4(whole), factor);
      finish(p, simd::add(y, c.bias[v]), (first + r) * s.n + column, s.n - column);
    }
  }
}

using Run = void (*)(const Product&, int64_t row, int64_t panel);
template <class Dot, size_t... R>
constexpr std::array<Run, kRows> runs(std::index_sequence<R...>) {
  return {run_panel<R + 1, Dot>...};
}
template <class Dot>
constexpr std::array<Run, kRows> kRuns = runs<Dot>(std::make_index_sequence<kRows>());
const std::array<Run, kRows>& by_rows = has_whole() ? kRuns<Whole> : kRuns<Halves>;

void run_chunk(const Product& p, const gemm::Blocking& b, int64_t chunk, const Epilogue& epilogue) {
  const int64_t tile = chunk % b.tile_chunks() * b.tile_block;
  const int64_t panel = chunk / b.tile_chunks() * b.panel_block;
  const int64_t last = std::min(panel + b.panel_block, b.panels);
  const int64_t first_column = panel * kColumns;
  const int64_t columns = std::min(last * kColumns, p.sizes.n) - first_column;
  for (int64_t t = tile; t < std::min(tile + b.tile_block, b.tiles); ++t) {
    const int64_t row = t * kRows, rows = std::min<int64_t>(kRows, p.sizes.m - row);
    for (int64_t i = panel; i < last; ++i) by_rows[rows - 1](p, row, i);
    if (!activates(epilogue)) continue;
    for (int64_t r = row; r < row + rows; ++r) {
      apply_activation(p.out + r * p.sizes.n + first_column, columns, epilogue);
    }
  }
}

Code run(Call& call) {
  const Tensor &x = call.in(op::input_), &y = call.out();
  if (y.numel == 0) return Code::ok;
  const Sizes s = sizes_of(call);
  Left* left = reinterpret_cast<Left*>(call.scratch());
  auto* scales = reinterpret_cast<Scale*>(call.scratch() + aligned(s.left_bytes()));
  Odometer<1> offsets;
  for (int axis = 0; axis < x.rank - 1; ++axis) offsets.add(x.shape[axis], {x.stride[axis]});
  parallel_ranges(s.m, std::max<int64_t>(kChunkNumbers / s.k, 1),
                  [&](int64_t begin, int64_t end, int) {
                    for (int64_t r = begin; r < end; ++r) {
                      const float* row = x.as<float>() + offsets.at(r)[0];
                      scales[r] = quantize(row, s.k, left + r * s.steps * kDepth);
                    }
                  });
  const Epilogue epilogue = epilogue_of(call, op::bias_, op::activation_, op::low_, op::high_);
  const Product product = {s,
                           left,
                           scales,
                           call.in(op::weight_).as<int8_t>(),
                           call.in(op::scale_).as<float>(),
                           call.in(op::sums_).as<int32_t>(),
                           call.in(op::bias_).as<float>(),
                           call.has(op::residual_) ? call.in(op::residual_).as<float>() : nullptr,
                           clamp_of(epilogue),
                           y.as<float>()};
  const gemm::Blocking cut = gemm::blocking(ceil_div(s.m, kRows), s.panels, s.steps * 2);
  pool::parallel(cut.chunks(),
                 [&](int64_t chunk, int) { run_chunk(product, cut, chunk, epilogue); });
  return Code::ok;
}

}  // namespace

WTW_KERNEL(quantized_linear, check, run);

}  // namespace wtw
