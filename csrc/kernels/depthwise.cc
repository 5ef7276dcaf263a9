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

// `first` and `last` count only where the tile has padding.
template <int K, int S, bool padded>
[[gnu::always_inline]] inline void add_row(const float* line, ptrdiff_t pixel_step,
                                           const float* weights, ptrdiff_t channels, int first,
                                           int last, f32x4 (&acc)[kPixels]) {
  f32x4 w[K];
  for (int k = 0; k < K; ++k) {
    w[k] = simd::load(weights);
    weights += channels;
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < reach(K, S); ++i, line += pixel_step) {
    if (!padded || (i >= first && i < last)) spread<K, S>(i, simd::load(line), w, acc);
  }
}

[[gnu::always_inline]] inline void finish(float* out, const float* residual, ptrdiff_t step,
                                          int count, const Clamp& bounds, f32x4 (&acc)[kPixels]) {
  if (residual) {
#pragma clang loop unroll(full)
    for (int j = 0; j < kPixels; ++j) {
      if (j < count) acc[j] = simd::add(acc[j], simd::load(residual + j * step));
    }
  }
  if (bounds.active) {
    const f32x4 low = simd::splat(bounds.low), high = simd::splat(bounds.high);
#pragma clang loop unroll(full)
    for (f32x4& a : acc) a = simd::clamp(a, low, high);
  }
#pragma clang loop unroll(full)
  for (int j = 0; j < kPixels; ++j, out += step) {
    if (j < count) simd::store(out, acc[j]);
  }
}

template <int K, int S, bool padded>
[[gnu::noinline]] void run_channels(const Tile& t, const Epilogue& e) {
  const Clamp bounds = clamp_of(e);
  // Copies: the compiler cannot know that stores leave the tile's fields alone.
  const ptrdiff_t channels = t.channels, pixel_step = t.pixel_step, row_step = t.row_step;
  const ptrdiff_t rows = t.rows, out_step = t.out_step;
  const int first = static_cast<int>(t.first), last = static_cast<int>(t.last);
  const int count = static_cast<int>(t.count);
  for (ptrdiff_t next = 0; next < channels; next += kLanes) {
    const ptrdiff_t c = std::min<ptrdiff_t>(next, channels - kLanes);  // the last block overlaps
    const f32x4 bias = e.bias ? simd::load(e.bias + c) : simd::splat(0);
    f32x4 acc[kPixels];
    for (f32x4& a : acc) a = bias;
    const float *line = t.image + c, *weights = t.weights + c;
    for (ptrdiff_t ky = 0; ky < rows; ++ky) {
      add_row<K, S, padded>(line, pixel_step, weights, channels, first, last, acc);
      line += row_step;
      weights += K * channels;
    }
    finish(t.out + c, t.residual ? t.residual + c : nullptr, out_step, count, bounds, acc);
  }
}

template <int K, int S>
void run(const Tile& t, const Epilogue& e) {
  if (t.first == 0 && t.last == reach(K, S)) {
    run_channels<K, S, false>(t, e);
  } else {
    run_channels<K, S, true>(t, e);
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
