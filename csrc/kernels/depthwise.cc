// Tiles in, 4 channels x 7 output pixels at a time out, for the common kernels.
//
// Each input pixel is loaded once and goes into every accumulator that uses it. With K weights, 7
// accumulators and the pixel, K = 7 takes just the 15 vector registers that V8 has on x86. The
// loop over kernel rows stays a loop: unrolled, it would spill.
#include "kernels/depthwise.h"

#include <algorithm>

#include "core/vmath.h"

namespace wtw::depthwise {
namespace {

using simd::f32x4;

// Adds input pixel i to the accumulators of all outputs that see it.
template <int K, int S>
[[gnu::always_inline]] inline void spread(int i, f32x4 x, const f32x4 (&w)[K],
                                          f32x4 (&acc)[kPixels]) {
#pragma clang loop unroll(full)
  for (int j = 0; j < kPixels; ++j) {
    const int k = i - j * S;
    if (k >= 0 && k < K) {
      acc[j] = simd::madd(x, w[k], acc[j]);
      simd::pin(acc[j]);
    }
  }
}

// Bit i of `valid` tells whether input pixel i is no padding; asked only where there is some.
template <int K, int S, bool padded>
[[gnu::always_inline]] inline void add_row(const float* line, ptrdiff_t pixel_step, int valid,
                                           const float* weights, ptrdiff_t channels,
                                           f32x4 (&acc)[kPixels]) {
  f32x4 w[K];
  for (int k = 0; k < K; ++k) {
    w[k] = simd::load(weights);
    weights += channels;
  }
  if (padded) simd::pin(valid);
#pragma clang loop unroll(full)
  for (int i = 0; i < reach(K, S); ++i, line += pixel_step) {
    if (padded) simd::pin(line);
    if (!padded || (valid & (1 << i)) != 0) spread<K, S>(i, simd::load(line), w, acc);
  }
}

// What is rare: a residual, rows of fewer pixels than a tile has.
[[gnu::noinline]] void finish(const Tile& t, ptrdiff_t c, f32x4 (&acc)[kPixels]) {
  const f32x4 low = simd::splat(t.bounds.low), high = simd::splat(t.bounds.high);
  for (int j = 0; j < t.count; ++j) {
    const ptrdiff_t at = c + j * t.out_step;
    if (t.residual) acc[j] = simd::add(acc[j], simd::load(t.residual + at));
    simd::store(t.out + at, simd::clamp(acc[j], low, high));
  }
}

template <int K, int S, bool padded>
[[gnu::noinline]] void run_channels(const Tile& t) {
  // Copies: the compiler cannot know that stores leave the tile's fields alone.
  const ptrdiff_t channels = t.channels, pixel_step = t.pixel_step, row_step = t.row_step;
  const ptrdiff_t rows = t.rows, out_step = t.out_step;
  const int valid = (1 << t.last) - (1 << t.first);
  const bool plain = t.residual == nullptr && t.count == kPixels;
  for (ptrdiff_t next = 0; next < channels; next += kLanes) {
    const ptrdiff_t c = std::min<ptrdiff_t>(next, channels - kLanes);  // the last block overlaps
    const f32x4 bias = t.bias ? simd::load(t.bias + c) : simd::splat(0);
    f32x4 acc[kPixels];
    for (f32x4& a : acc) a = bias;
    const float *line = t.image + c, *weights = t.weights + c;
    for (ptrdiff_t ky = 0; ky < rows; ++ky) {
      add_row<K, S, padded>(line, pixel_step, valid, weights, channels, acc);
      line += row_step;
      weights += K * channels;
    }
    const f32x4 low = simd::load_splat(&t.bounds.low), high = simd::load_splat(&t.bounds.high);
    if (plain) {
      float* out = t.out + c;
#pragma clang loop unroll(full)
      for (int j = 0; j < kPixels; ++j, out += out_step) {
        simd::store(out, simd::clamp(acc[j], low, high));
      }
    } else {
      f32x4 copy[kPixels];  // a copy: what has an address lives in memory
      std::copy_n(acc, kPixels, copy);
      finish(t, c, copy);
    }
  }
}

template <int K, int S>
void run(const Tile& t) {
  if (t.first == 0 && t.last == reach(K, S)) {
    run_channels<K, S, false>(t);
  } else {
    run_channels<K, S, true>(t);
  }
}

}  // namespace

Run specialised(int64_t kernel_width, int64_t stride) {
  if (stride == 1) {
    if (kernel_width == 3) return run<3, 1>;
    if (kernel_width == 5) return run<5, 1>;
    if (kernel_width == 7) return run<7, 1>;
  }
  if (stride == 2) {
    if (kernel_width == 3) return run<3, 2>;
    if (kernel_width == 5) return run<5, 2>;
  }
  return nullptr;
}

}  // namespace wtw::depthwise
