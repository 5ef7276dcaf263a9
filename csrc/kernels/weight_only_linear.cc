// weight_only_linear: floats (..., K) times weights of 4 or 8 bits, which become floats in
// registers for a few rows, else a few panels at a time; dequantize_weight does so beforehand.
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

using gemm::kPanel;
using simd::f32x4;
namespace op = op::weight_only_linear;

constexpr int64_t kFewRows = 4;
constexpr int64_t kExpandedFloats = 64 << 10;  // stay in the second-level cache
constexpr int64_t kChunkWeights = 256 << 10;   // that meet a few rows: about 30 us

struct Sizes : LinearSizes {
  int64_t groups, group;
  bool is_int4;

  int64_t panel_bytes() const { return (is_int4 ? ceil_div(k, 2) : k) * kPanel; }
  // Panels that are expanded together.
  int64_t block() const { return std::clamp<int64_t>(kExpandedFloats / (k * kPanel), 1, panels()); }
};

Sizes sizes_of(const Call& call) {
  const LinearSizes s = linear_sizes(call);
  const int64_t group = call.integer(op::group_);
  return {s, group > 0 ? s.k / group : 0, group, call.in(op::weight_).dtype == DType::uint8};
}

Code check(Call& call) {
  WTW_CHECK(linear_fits(call, op::columns_, op::residual_));
  const Sizes s = sizes_of(call);
  WTW_CHECK(s.group >= 1 && s.groups * s.group == s.k);
  WTW_CHECK(!s.is_int4 || s.group % 2 == 0 || s.groups == 1);
  const int64_t depth = s.is_int4 ? ceil_div(s.k, 2) : s.k;
  WTW_CHECK(has_shape(call.in(op::weight_), {s.panels(), depth, kPanel}));
  WTW_CHECK(has_shape(call.in(op::scale_), {s.panels(), s.groups, kPanel}));
  WTW_CHECK(has_shape(call.in(op::zero_), {s.panels(), s.groups, kPanel}));
  WTW_CHECK(has_shape(call.in(op::bias_), {s.panels() * kPanel}));
  if (s.m > kFewRows) call.need_worker_scratch(s.block() * s.k * kPanel * 4);
  return Code::ok;
}

// What all chunks share.
struct Product {
  Sizes sizes;
  const float* left;
  Odometer<1> offsets;  // of each row in `left`
  const int8_t* weights;
  const float* scale;
  const int8_t* zero;
  ProductOutput output;
};

// Rows of a panel: 8 weights each, less their zero points, as floats.
template <bool kInt4>
struct Panel {
  const int8_t* weights;

  static void convert(v128_t i16, v128_t zero, f32x4* w) {
    i16 = wasm_i16x8_sub(i16, zero);
    w[0] = wasm_f32x4_convert_i32x4(wasm_i32x4_extend_low_i16x8(i16));
    w[1] = wasm_f32x4_convert_i32x4(wasm_i32x4_extend_high_i16x8(i16));
  }
  // Rows k, which is even where they have 4 bits, and k + 1.
  void load_two(int64_t k, v128_t zero, f32x4 (&w)[4]) const {
    if constexpr (kInt4) {
      const v128_t pairs = wasm_u16x8_load8x8(weights + k / 2 * kPanel);
      convert(wasm_v128_and(pairs, wasm_i16x8_splat(15)), zero, w);
      convert(wasm_u16x8_shr(pairs, 4), zero, w + 2);
    } else {
      const v128_t bytes = wasm_v128_load(weights + k * kPanel);
      convert(wasm_i16x8_extend_low_i8x16(bytes), zero, w);
      convert(wasm_i16x8_extend_high_i8x16(bytes), zero, w + 2);
    }
  }
  // Row k alone: the last one of a group.
  void load_one(int64_t k, v128_t zero, f32x4 (&w)[4]) const {
    if constexpr (kInt4) {
      const v128_t pairs = wasm_u16x8_load8x8(weights + k / 2 * kPanel);
      convert(wasm_v128_and(pairs, wasm_i16x8_splat(15)), zero, w);
    } else {
      convert(wasm_i16x8_load8x8(weights + k * kPanel), zero, w);
    }
  }
};

// Weights of 4 bits are stored 8 higher.
template <bool kInt4>
v128_t zeros_at(const Product& p, int64_t panel, int64_t group) {
  const int8_t* at = p.zero + (panel * p.sizes.groups + group) * kPanel;
  return wasm_i16x8_add(wasm_i16x8_load8x8(at), wasm_i16x8_splat(kInt4 ? 8 : 0));
}

// All of a panel, scaled, as the matrix kernels read it.
template <bool kInt4>
void expand(const Product& p, int64_t panel, float* out) {
  const Sizes& s = p.sizes;
  const Panel<kInt4> weights = {p.weights + panel * s.panel_bytes()};
  for (int64_t g = 0, k = 0; g < s.groups; ++g) {
    const float* scale = p.scale + (panel * s.groups + g) * kPanel;
    const f32x4 factor[2] = {simd::load(scale), simd::load(scale + 4)};
    const v128_t zero = zeros_at<kInt4>(p, panel, g);
    f32x4 w[4];
    const int64_t end = k + s.group;
    for (; k + 2 <= end; k += 2, out += 2 * kPanel) {
      weights.load_two(k, zero, w);
      for (int v = 0; v < 4; ++v) simd::store(out + 4 * v, simd::mul(w[v], factor[v % 2]));
    }
    if (k == end) continue;
    weights.load_one(k++, zero, w);
    for (int v = 0; v < 2; ++v) simd::store(out + 4 * v, simd::mul(w[v], factor[v]));
    out += kPanel;
  }
}

// R rows, all that there are, times one panel.
template <bool kInt4, int R>
[[gnu::noinline]] void run_few(const Product& p, int64_t panel) {
  const Sizes& s = p.sizes;
  const Panel<kInt4> weights = {p.weights + panel * s.panel_bytes()};
  const float* x[R];
  Odometer<1> at = p.offsets;
  at.seek(0);
  for (int r = 0; r < R; ++r, at.next()) x[r] = p.left + at[0];
  f32x4 y[R][2] = {};
  for (int64_t g = 0, k = 0; g < s.groups; ++g) {
    const v128_t zero = zeros_at<kInt4>(p, panel, g);
    f32x4 sum[R][2] = {};
    f32x4 w[4];
    const auto add = [&](int64_t at, const f32x4* row) {
      for (int r = 0; r < R; ++r) {
        const f32x4 factor = simd::load_splat(x[r] + at);
        for (int v = 0; v < 2; ++v) sum[r][v] = simd::madd(factor, row[v], sum[r][v]);
      }
    };
    const int64_t end = k + s.group;
    for (; k + 2 <= end; k += 2) {
      weights.load_two(k, zero, w);
      add(k, w);
      add(k + 1, w + 2);
    }
    if (k < end) {
      weights.load_one(k, zero, w);
      add(k++, w);
    }
    const float* scale = p.scale + (panel * s.groups + g) * kPanel;
    for (int r = 0; r < R; ++r) {
      for (int v = 0; v < 2; ++v) {
        y[r][v] = simd::madd(sum[r][v], simd::load(scale + 4 * v), y[r][v]);
      }
    }
  }
  for (int v = 0; v < 2 && panel * kPanel + v * 4 < s.n; ++v) {
    const int64_t column = panel * kPanel + v * 4;
    const f32x4 bias = simd::load(p.output.epilogue.bias + column);
    for (int r = 0; r < R; ++r) p.output.store(simd::add(y[r][v], bias), r, column);
  }
}

using RunFew = void (*)(const Product&, int64_t panel);
template <bool kInt4, size_t... R>
constexpr std::array<RunFew, kFewRows> few(std::index_sequence<R...>) {
  return {run_few<kInt4, R + 1>...};
}
template <bool kInt4>
constexpr std::array<RunFew, kFewRows> kFew = few<kInt4>(std::make_index_sequence<kFewRows>());

void run_rows(const Product& p) {
  const Sizes& s = p.sizes;
  const RunFew by_rows = (s.is_int4 ? kFew<true> : kFew<false>)[s.m - 1];
  parallel_ranges(s.panels(), kChunkWeights / (s.k * kPanel), [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) by_rows(p, i);
    p.output.activate(0, s.m, begin * kPanel, end * kPanel);
  });
}

// Some panels as floats times all rows.
void run_block(const Product& p, int64_t block, float* expanded) {
  const Sizes& s = p.sizes;
  const int64_t begin = block * s.block(), end = std::min(begin + s.block(), s.panels());
  for (int64_t i = begin; i < end; ++i) {
    float* to = expanded + (i - begin) * s.k * kPanel;
    s.is_int4 ? expand<true>(p, i, to) : expand<false>(p, i, to);
  }
  const int64_t first = begin * kPanel;
  gemm::Product product = {s.n - first, s.k, s.k, p.output.epilogue};
  product.epilogue.bias += first;
  const gemm::Spread spread(s.m);
  gemm::Tap tap;
  tap.weights = expanded;
  Odometer<1> at = p.offsets;
  at.seek(0);
  for (int64_t t = 0; t < gemm::tiles_of(s.m); ++t) {
    const int64_t row = spread.first(t), rows = spread.first(t + 1) - row;
    for (int64_t r = 0; r < rows; ++r, at.next()) tap.row[r] = p.left + at[0];
    const int64_t to = row * s.n + first;
    const gemm::Tile tile = {.taps = &tap,
                             .n_taps = 1,
                             .rows = rows,
                             .out = p.output.out + to,
                             .stride = s.n,
                             .residual = p.output.residual ? p.output.residual + to : nullptr};
    gemm::run_tile(product, tile, 0, end - begin);
  }
}

Code run(Call& call) {
  const Tensor &x = call.in(op::input_), &y = call.out();
  if (y.numel == 0) return Code::ok;
  const Epilogue epilogue = epilogue_of(call, op::bias_, op::activation_, op::low_, op::high_);
  const float* residual = call.has(op::residual_) ? call.in(op::residual_).as<float>() : nullptr;
  const Sizes s = sizes_of(call);
  const Product product = {.sizes = s,
                           .left = x.as<float>(),
                           .offsets = rows_of(x),
                           .weights = call.in(op::weight_).as<int8_t>(),
                           .scale = call.in(op::scale_).as<float>(),
                           .zero = call.in(op::zero_).as<int8_t>(),
                           .output = {s.m, s.n, y.as<float>(), residual, epilogue}};
  if (s.m <= kFewRows) {
    run_rows(product);
    return Code::ok;
  }
  pool::parallel(ceil_div(s.panels(), s.block()), [&](int64_t block, int worker) {
    run_block(product, block, reinterpret_cast<float*>(call.worker_scratch(worker)));
  });
  return Code::ok;
}

// --- dequantize_weight ---

Code check_dequantize(Call& call) {
  namespace o = wtw::op::dequantize_weight;
  const Tensor &w = call.in(o::weight_), &scale = call.in(o::scale_);
  WTW_CHECK(same_shape(w, call.out()) && w.rank >= 1 && scale.rank == 2);
  WTW_CHECK(same_shape(scale, call.in(o::zero_)) && scale.shape[0] == w.shape[0]);
  if (w.numel > 0) WTW_CHECK(scale.shape[1] >= 1 && w.numel % scale.numel == 0);
  return Code::ok;
}

template <class Byte>
void dequantize(const Byte* w, int64_t n, float scale, int32_t zero, float* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = static_cast<float>(w[i] - zero) * scale;
}

Code run_dequantize(Call& call) {
  namespace o = wtw::op::dequantize_weight;
  const Tensor &w = call.in(o::weight_), &scale = call.in(o::scale_);
  if (w.numel == 0) return Code::ok;
  const int64_t size = w.numel / scale.numel;
  parallel_ranges(scale.numel, kChunkWeights / size, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      const float factor = scale.as<float>()[i];
      const int32_t zero = call.in(o::zero_).as<int8_t>()[i];
      float* out = call.out().as<float>() + i * size;
      w.dtype == DType::int8 ? dequantize(w.as<int8_t>() + i * size, size, factor, zero, out)
                             : dequantize(w.as<uint8_t>() + i * size, size, factor, zero, out);
    }
  });
  return Code::ok;
}

}  // namespace

WTW_KERNEL(weight_only_linear, check, run);
WTW_KERNEL(dequantize_weight, check_dequantize, run_dequantize);

}  // namespace wtw
