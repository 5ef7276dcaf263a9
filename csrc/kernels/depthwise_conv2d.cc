// depthwise_conv2d: images (N, C, H, W), weights (KH, KW, C) in; (N, C, OH, OW) out.
#include <algorithm>

#include "core/vmath.h"
#include "kernels/conv.h"
#include "kernels/depthwise.h"
#include "kernels/gemm.h"
#include "kernels/rows.h"

namespace wtw {
namespace {

using conv::Geometry;
using depthwise::kPixels;
using depthwise::Tile;
namespace op = op::depthwise_conv2d;

constexpr int64_t kChunkFlops = 1'000'000;

Code check(Call& call) {
  const Tensor &x = call.in(op::input_), &w = call.in(op::weight_), &y = call.out();
  Geometry& g = call.memo<Geometry>();
  WTW_CHECK(w.rank == 3);
  WTW_CHECK(conv::read(
      x, y, {call.integers(op::stride_), call.integers(op::padding_), call.integers(op::dilation_)},
      w.size(0), w.size(1), 1, &g));
  WTW_CHECK(w.size(2) == g.channels && g.out_channels == g.channels);
  WTW_CHECK(conv::output_fits(g) && conv::bias_fits(call, op::bias_, g.channels));
  if (call.has(op::residual_)) WTW_CHECK(same_shape(call.in(op::residual_), y));
  return Code::ok;
}

struct Operands {
  const Geometry& g;
  const float* image;
  const float* weights;
  const float* residual;
  float* out;
  Epilogue epilogue;
};

// Kernel rows [first, last) that meet the image when the window begins at `top`.
struct KernelRows {
  int64_t first, last;

  KernelRows(const conv::Axis& y, int64_t top)
      : first(std::min(ceil_div(std::max<int64_t>(-top, 0), y.dilation), y.kernel)),
        last(std::clamp(ceil_div(y.in - top, y.dilation), first, y.kernel)) {}
};

// Where an output row finds its input, at kernel row `rows.first`.
Tile row_tile(const Operands& o, int64_t line) {
  const Geometry& g = o.g;
  const int64_t top = line % g.y.out * g.y.stride - g.y.before;
  const KernelRows rows(g.y, top);
  const int64_t row = line / g.y.out * g.y.in + top + rows.first * g.y.dilation;
  const int64_t at = line * g.x.out * g.channels;
  return {.image = o.image + (rows.last > rows.first ? row * g.x.in * g.channels : 0),
          .row_step = g.y.dilation * g.x.in * g.channels,
          .pixel_step = g.x.dilation * g.channels,
          .first = 0,
          .last = 0,
          .weights = o.weights + rows.first * g.x.kernel * g.channels,
          .rows = rows.last - rows.first,
          .channels = g.channels,
          .out = o.out + at,
          .residual = o.residual ? o.residual + at : nullptr,
          .out_step = g.x.dilation * g.channels,
          .count = 0};
}

// Output pixels x, x + dilation ... of a row: with stride 1 their inputs are as far apart.
void run_tile(depthwise::Run run, const Operands& o, const Tile& row, int64_t x, int64_t count) {
  const Geometry& g = o.g;
  const int64_t left = x * g.x.stride - g.x.before,
                reach = depthwise::reach(g.x.kernel, g.x.stride);
  Tile tile = row;
  tile.image += left * g.channels;
  tile.first = std::min(ceil_div(std::max<int64_t>(-left, 0), g.x.dilation), reach);
  tile.last = std::clamp(ceil_div(g.x.in - left, g.x.dilation), tile.first, reach);
  tile.out += x * g.channels;
  if (tile.residual) tile.residual += x * g.channels;
  tile.count = count;
  run(tile, o.epilogue);
}

void run_row(depthwise::Run run, const Operands& o, int64_t line) {
  const int64_t step = o.g.x.dilation, out = o.g.x.out;
  const Tile row = row_tile(o, line);
  for (int64_t phase = 0; phase < std::min(step, out); ++phase) {
    const int64_t pixels = ceil_div(out - phase, step);
    for (int64_t j = 0; j < pixels; j += kPixels) {
      run_tile(run, o, row, phase + j * step, std::min<int64_t>(pixels - j, kPixels));
    }
  }
}

// Any kernel width, stride and dilation, one output pixel at a time.
void run_pixel(const Operands& o, const Tile& row, int64_t x) {
  const conv::Axis& a = o.g.x;
  const int64_t channels = o.g.channels, left = x * a.stride - a.before;
  const KernelRows columns(a, left);
  float* out = row.out + x * channels;
  const Clamp bounds = clamp_of(o.epilogue);
  for (int64_t c = 0; c < channels; c += depthwise::kLanes) {
    const int64_t lanes = std::min<int64_t>(channels - c, depthwise::kLanes);
    const auto load = [&](const float* p) {
      return lanes == depthwise::kLanes ? simd::load(p) : rows::load_part(p, lanes, 0);
    };
    simd::f32x4 acc = o.epilogue.bias ? load(o.epilogue.bias + c) : simd::splat(0);
    for (int64_t ky = 0; ky < row.rows; ++ky) {
      for (int64_t kx = columns.first; kx < columns.last; ++kx) {
        const float* pixel = row.image + ky * row.row_step + (left + kx * a.dilation) * channels;
        const float* weight = row.weights + (ky * a.kernel + kx) * channels;
        acc = simd::madd(load(pixel + c), load(weight + c), acc);
      }
    }
    if (row.residual) acc = simd::add(acc, load(row.residual + x * channels + c));
    acc = simd::clamp(acc, simd::splat(bounds.low), simd::splat(bounds.high));
    lanes == depthwise::kLanes ? simd::store(out + c, acc) : rows::store_part(out + c, acc, lanes);
  }
}

Code run(Call& call) {
  const Tensor& y = call.out();
  if (y.numel == 0) return Code::ok;
  const Geometry& g = call.memo<Geometry>();
  const Operands o = {
      .g = g,
      .image = call.in(op::input_).as<float>(),
      .weights = call.in(op::weight_).as<float>(),
      .residual = call.has(op::residual_) ? call.in(op::residual_).as<float>() : nullptr,
      .out = y.as<float>(),
      .epilogue = epilogue_of(call, op::bias_, op::activation_, op::low_, op::high_)};
  const bool fits = g.channels >= depthwise::kLanes && (g.x.stride == 1 || g.x.dilation == 1);
  const auto specialised = fits ? depthwise::specialised(g.x.kernel, g.x.stride) : nullptr;
  const int64_t lines = g.batch * g.y.out, width = g.x.out * g.channels;
  const int64_t flops = 2 * width * g.y.kernel * g.x.kernel;
  const int64_t block = std::max<int64_t>(kChunkFlops / flops, 1);
  pool::parallel(ceil_div(lines, block), [&](int64_t chunk, int) {
    const int64_t first = chunk * block, last = std::min(first + block, lines);
    for (int64_t line = first; line < last; ++line) {
      if (specialised) {
        run_row(specialised, o, line);
      } else {
        const Tile row = row_tile(o, line);
        for (int64_t x = 0; x < g.x.out; ++x) run_pixel(o, row, x);
      }
      if (o.epilogue.activation != Activation::none && !clamp_of(o.epilogue).active) {
        apply_activation(o.out + line * width, width, o.epilogue);
      }
    }
  });
  return Code::ok;
}

}  // namespace

WTW_KERNEL(depthwise_conv2d, check, run);

}  // namespace wtw
