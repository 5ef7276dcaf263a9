// static_depthwise_conv2d: images (N, C, H, W) of bytes and int8 weights (KH, KW, C) in, bytes out.
//
// Eight channels at a time, in 16 bits: the compiler sees to it that sums fit (ops/
// quantized_depthwise.py). Images are copied with their padding, so that all windows lie inside.
#include <algorithm>
#include <array>

#include "core/kernel.h"
#include "kernels/int8_image.h"
#include "ops.h"

namespace wtw {
namespace {

using namespace int8;
namespace op = op::static_depthwise_conv2d;

constexpr int kChannels = 8;  // of a block
constexpr int kPixels = 6;    // of a tile: with a kernel row of 5, a pixel and a product, registers
constexpr int64_t kGrain = 32 << 10;  // products of a chunk

struct Memo {
  conv::Geometry g;
  int64_t image;  // bytes of scratch for it; 0 where it is read in place
  uint8_t low, high;
};

struct Line {
  const conv::Geometry& g;
  const int8_t* weights;  // those of a channel block, as the rest
  const int16_t *factor, *start;
  int16_t zero;
  uint8_t low, high;

  int64_t pixel() const { return g.channels; }
  int64_t row() const { return g.x.padded() * g.channels; }
};

// The part of a call's channels from `c` on.
Line line_of(const Call& call, const Memo& memo, int64_t c) {
  return {memo.g,
          call.in(1).as<int8_t>() + c,
          call.in(2).as<int16_t>() + c,
          call.in(3).as<int16_t>() + c,
          static_cast<int16_t>(call.integer(op::output_zero_)),
          memo.low,
          memo.high};
}

Code check(Call& call) {
  const Tensor &x = call.in(0), &w = call.in(1), &y = call.out();
  Memo& memo = call.memo<Memo>();
  conv::Geometry& g = memo.g;
  WTW_CHECK(w.rank == 3 && w.size(2) == x.size(1));
  WTW_CHECK(conv::read(
      x, y, {call.integers(op::stride_), call.integers(op::padding_), call.integers(op::dilation_)},
      w.size(0), w.size(1), std::max<int64_t>(w.size(2), 1), &g));
  WTW_CHECK(conv::output_fits(g) && g.channels == g.out_channels);
  for (const int i : {2, 3}) WTW_CHECK(has_shape(call.in(i), {g.channels}));
  const auto is_byte = [&](int attribute) {
    return call.integer(attribute) >= 0 && call.integer(attribute) <= kMost;
  };
  WTW_CHECK(is_byte(op::zero_) && is_byte(op::output_zero_));
  WTW_CHECK(is_byte(op::low_) && is_byte(op::high_));
  memo.low = static_cast<uint8_t>(call.integer(op::low_));
  memo.high = static_cast<uint8_t>(call.integer(op::high_));
  if (y.numel == 0) return Code::ok;
  if (!x.channels_last() || g.y.is_padded() || g.x.is_padded()) {
    memo.image = Windows{g, false}.image_bytes();
    WTW_CHECK(memo.image >= 0);
    call.need_scratch(memo.image);
  }
  return Code::ok;
}

v128_t load_half(const int8_t* w) { return wasm_i16x8_load8x8(w); }

void store(const Line& line, v128_t sum, uint8_t* out) {
  const v128_t whole = wasm_i16x8_add_sat(sum, wasm_v128_load(line.start));
  const v128_t scaled = wasm_i16x8_q15mulr_sat(whole, wasm_v128_load(line.factor));
  const v128_t moved = wasm_i16x8_add_sat(scaled, wasm_i16x8_splat(line.zero));
  const v128_t bytes = wasm_u8x16_narrow_i16x8(moved, moved);
  const v128_t within = wasm_u8x16_min(wasm_u8x16_max(bytes, wasm_i8x16_splat(line.low)),
                                       wasm_i8x16_splat(line.high));
  wasm_v128_store64_lane(out, within, 0);
}

// A tile of a kernel of width K: each pixel of the image is loaded once for a kernel row.
template <int K, int S>
[[gnu::noinline]] void run_tile(const Line& line, const uint8_t* x, uint8_t* out) {
  const ptrdiff_t pixel = line.pixel(), row = line.row();
  const int8_t* w = line.weights;
  v128_t sum[kPixels] = {};
  for (ptrdiff_t ky = line.g.y.kernel; ky > 0; --ky, x += row) {
    v128_t weight[K];
    for (int kx = 0; kx < K; ++kx, w += pixel) weight[kx] = load_half(w);
    const uint8_t* at = x;
#pragma clang loop unroll(full)
    for (int i = 0; i < (kPixels - 1) * S + K; ++i, at += pixel) {
      const v128_t v = wasm_u16x8_load8x8(at);
#pragma clang loop unroll(full)
      for (int p = 0; p < kPixels; ++p) {
        const int kx = i - p * S;
        if (kx >= 0 && kx < K) sum[p] = wasm_i16x8_add(sum[p], wasm_i16x8_mul(v, weight[kx]));
      }
      for (v128_t& one : sum) simd::pin(one);
    }
  }
#pragma clang loop unroll(full)
  for (int p = 0; p < kPixels; ++p) store(line, sum[p], out + p * pixel);
}

// One pixel of any kernel.
[[gnu::noinline]] void run_pixel(const Line& line, const uint8_t* x, uint8_t* out) {
  const conv::Geometry& g = line.g;
  const int8_t* w = line.weights;
  v128_t sum = wasm_i16x8_splat(0);
  for (int64_t ky = 0; ky < g.y.kernel; ++ky) {
    const uint8_t* at = x + ky * g.y.dilation * line.row();
    for (int64_t kx = 0; kx < g.x.kernel; ++kx, w += line.pixel()) {
      const v128_t v = wasm_u16x8_load8x8(at + kx * g.x.dilation * line.pixel());
      sum = wasm_i16x8_add(sum, wasm_i16x8_mul(v, load_half(w)));
    }
  }
  store(line, sum, out);
}

// The same of one channel, where there are less than a block.
void run_channel(const Line& line, const uint8_t* x, uint8_t* out) {
  const conv::Geometry& g = line.g;
  const auto within = [](int32_t v) { return std::clamp<int32_t>(v, INT16_MIN, INT16_MAX); };
  uint16_t sum = 0;
  const int8_t* w = line.weights;
  for (int64_t ky = 0; ky < g.y.kernel; ++ky) {
    const uint8_t* at = x + ky * g.y.dilation * line.row();
    for (int64_t kx = 0; kx < g.x.kernel; ++kx, w += line.pixel()) {
      sum = static_cast<uint16_t>(sum + at[kx * g.x.dilation * line.pixel()] * *w);
    }
  }
  const int32_t whole = within(static_cast<int16_t>(sum) + *line.start);
  const int32_t scaled = within((whole * *line.factor + (1 << 14)) >> 15);
  *out = static_cast<uint8_t>(
      std::min<int32_t>(std::max<int32_t>(scaled + line.zero, line.low), line.high));
}

using Tile = void (*)(const Line&, const uint8_t*, uint8_t*);
// Null where pixels are computed one by one.
Tile tile_of(const conv::Geometry& g) {
  if (g.x.dilation != 1 || g.y.dilation != 1 || g.x.out < kPixels) return nullptr;
  if (g.x.kernel == 3 && g.x.stride == 1) return run_tile<3, 1>;
  if (g.x.kernel == 3 && g.x.stride == 2) return run_tile<3, 2>;
  if (g.x.kernel == 5 && g.x.stride == 1) return run_tile<5, 1>;
  if (g.x.kernel == 5 && g.x.stride == 2) return run_tile<5, 2>;
  return nullptr;
}

// A line of the output; the last tile and the last block overlap those before them.
void run_line(const Call& call, const Memo& memo, const uint8_t* image, int64_t index) {
  const conv::Geometry& g = memo.g;
  const int64_t n = index / g.y.out, y = index % g.y.out, channels = g.channels;
  const int64_t row = g.x.padded() * channels, step = g.x.stride * channels;
  const uint8_t* from = image + (n * g.y.padded() + y * g.y.stride) * row;
  uint8_t* to = call.out().as<uint8_t>() + index * g.x.out * channels;
  const Tile tile = tile_of(g);
  const int64_t block = std::min<int64_t>(kChannels, channels),
                width = channels < kChannels ? 1 : block;
  for (int64_t begin = 0; begin < channels; begin += width) {
    const int64_t c = std::min(begin, channels - width);
    const Line line = line_of(call, memo, c);
    const Tile one = channels < kChannels ? run_channel : run_pixel;
    const int64_t pixels = tile && channels >= kChannels ? kPixels : 1;
    for (int64_t first = 0; first < g.x.out; first += pixels) {
      const int64_t x = std::min(first, g.x.out - pixels);
      (pixels > 1 ? tile : one)(line, from + x * step + c, to + x * channels + c);
    }
  }
}

Code run(Call& call) {
  if (call.out().numel == 0) return Code::ok;
  const Memo& memo = call.memo<Memo>();
  const conv::Geometry& g = memo.g;
  const uint8_t* image = call.in(0).as<uint8_t>();
  if (memo.image > 0) {
    auto* copy = reinterpret_cast<uint8_t*>(call.scratch());
    const int32_t zero = static_cast<int32_t>(call.integer(op::zero_));
    pad(Windows{g, false}, call.in(0), nullptr, zero, copy);
    image = copy;
  }
  const int64_t work = g.x.out * g.channels * g.y.kernel * g.x.kernel;
  parallel_ranges(g.batch * g.y.out, kGrain / work, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) run_line(call, memo, image, i);
  });
  return Code::ok;
}

}  // namespace

WTW_KERNEL(static_depthwise_conv2d, check, run);

}  // namespace wtw
