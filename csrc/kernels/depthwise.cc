// Tiles in, 4 channels x 7 output pixels at a time out, for the common kernels.
//
// Each input pixel is loaded once and goes into every accumulator that uses it. With K weights, 7
// accumulators and the pixel, K = 7 takes just the 15 vector registers that V8 has on x86. The
// loop over kernel rows stays a loop: unrolled, it would spill.
#include "kernels/depthwise.h"

#include <algorithm>

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

template <int K, int S, bool padded>
[[gnu::always_inline]] inline void add_row(const Tile& t, const float* line, const float* weights,
                                           f32x4 (&acc)[kPixels]) {
  f32x4 w[K];
  for (int k = 0; k < K; ++k) w[k] = simd::load(weights + k * t.channels);
  if constexpr (!padded) {
#pragma clang loop unroll(full)
    for (int i = 0; i < reach(K, S); ++i, line += t.pixel_step) {
      spread<K, S>(i, simd::load(line), w, acc);
    }
  } else {
#pragma clang loop unroll(full)
    for (int i = 0; i < reach(K, S); ++i) {
      if (i >= t.first && i < t.last) {
        spread<K, S>(i, simd::load(line + i * t.pixel_step), w, acc);
      }
    }
  }
}

void store(const Tile& t, const Clamp& bounds, int64_t c, const f32x4 (&acc)[kPixels]) {
  for (int j = 0; j < t.count; ++j) {
    const int64_t at = j * t.out_step + c;
    f32x4 y = acc[j];
    if (t.residual) y = simd::add(y, simd::load(t.residual + at));
    if (bounds.active) y = simd::clamp(y, simd::splat(bounds.low), simd::splat(bounds.high));
    simd::store(t.out + at, y);
  }
}

template <int K, int S, bool padded>
[[gnu::noinline]] void run_channels(const Tile& t, const Epilogue& e) {
  const Clamp bounds = clamp_of(e);
  for (int64_t next = 0; next < t.channels; next += kLanes) {
    const int64_t c = std::min(next, t.channels - kLanes);  // the last block overlaps
    const f32x4 bias = e.bias ? simd::load(e.bias + c) : simd::splat(0);
    f32x4 acc[kPixels];
    for (f32x4& a : acc) a = bias;
    const float *line = t.image + c, *weights = t.weights + c;
    for (int64_t ky = 0; ky < t.rows; ++ky) {
      add_row<K, S, padded>(t, line, weights, acc);
      line += t.row_step;
      weights += K * t.channels;
    }
    store(t, bounds, c, acc);
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
  constexpr Run runs[3][2] = {
      {run<3, 1>, run<3, 2>}, {run<5, 1>, run<5, 2>}, {run<7, 1>, run<7, 2>}};
  if (kernel_width != 3 && kernel_width != 5 && kernel_width != 7) return nullptr;
  return stride == 1 || stride == 2 ? runs[(kernel_width - 3) / 2][stride - 1] : nullptr;
}

}  // namespace wtw::depthwise
