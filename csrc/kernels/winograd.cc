// Input tiles, output tiles and weights in, their Winograd transforms out: four channels at a time.
#include "kernels/winograd.h"

#include <algorithm>

#include "core/vmath/constants.h"
#include "kernels/gemm.h"
#include "kernels/rows.h"

namespace wtw::winograd {
namespace {

using gemm::kPanel;
using simd::f32x4;

constexpr int kLanes = 4;
constexpr int kTileVectors = kWeightChannels * kPanel / kLanes;

// The transforms of one axis, for m outputs. An object keeps the constants that a loop needs.
template <int m>
struct Axis;

template <>
struct Axis<2> {
  void input(const f32x4 (&d)[4], f32x4 (&y)[4]) const {
    y[0] = simd::sub(d[2], d[0]);
    y[1] = simd::add(d[2], d[1]);
    y[2] = simd::sub(d[2], d[1]);
    y[3] = simd::sub(d[3], d[1]);
  }
  void output(const f32x4 (&p)[4], f32x4 (&y)[2]) const {
    y[0] = simd::add(p[0], simd::add(p[1], p[2]));
    y[1] = simd::add(p[3], simd::sub(p[1], p[2]));
  }
  void weight(const f32x4 (&w)[3], f32x4 (&y)[4]) const {
    const f32x4 half = simd::splat(0.5f);
    const f32x4 even = simd::mul(half, simd::add(w[0], w[2])), odd = simd::mul(half, w[1]);
    y[0] = simd::neg(w[0]);
    y[1] = simd::add(even, odd);
    y[2] = simd::sub(even, odd);
    y[3] = w[2];
  }
};

constexpr float kRoot = 1.41421356f;

struct Constants {
  simd::Constant half_root{kRoot / 2}, root{kRoot}, half{0.5f}, two{2.0f}, sum{2.5f};
};
inline Constants kWinograd;

template <>
struct Axis<4> {
  const f32x4 a = kWinograd.half_root, b = kWinograd.root;
  const f32x4 half = kWinograd.half, two = kWinograd.two, sum = kWinograd.sum;

  void input(const f32x4 (&d)[6], f32x4 (&y)[6]) const {
    y[0] = simd::nmadd(d[2], sum, simd::add(d[0], d[4]));
    y[5] = simd::nmadd(d[3], sum, simd::add(d[1], d[5]));
    const f32x4 even_a = simd::nmadd(d[2], two, d[4]), odd_a = simd::nmadd(d[1], two, d[3]);
    y[1] = simd::madd(odd_a, a, even_a);
    y[2] = simd::nmadd(odd_a, a, even_a);
    const f32x4 even_b = simd::nmadd(d[2], half, d[4]), odd_b = simd::nmadd(d[1], half, d[3]);
    y[3] = simd::madd(odd_b, b, even_b);
    y[4] = simd::nmadd(odd_b, b, even_b);
  }
  void output(const f32x4 (&p)[6], f32x4 (&y)[4]) const {
    const f32x4 even_a = simd::add(p[1], p[2]), odd_a = simd::mul(a, simd::sub(p[1], p[2]));
    const f32x4 even_b = simd::add(p[3], p[4]), odd_b = simd::mul(b, simd::sub(p[3], p[4]));
    y[0] = simd::add(p[0], simd::add(even_a, even_b));
    y[1] = simd::add(odd_a, odd_b);
    y[2] = simd::madd(even_a, half, simd::mul(even_b, two));
    y[3] = simd::madd(odd_a, half, simd::madd(odd_b, two, p[5]));
  }
  // For the points ±p: (w0 ± p w1 + p² w2) / (2 p² (p² - q²)).
  void weight(const f32x4 (&w)[3], f32x4 (&y)[6]) const {
    constexpr float a_scale = -2.0f / 3, b_scale = 1.0f / 6;
    const f32x4 even_a = simd::mul(simd::madd(w[2], half, w[0]), simd::splat(a_scale));
    const f32x4 even_b = simd::mul(simd::madd(w[2], two, w[0]), simd::splat(b_scale));
    const f32x4 odd_a = simd::mul(w[1], simd::splat(a_scale * kRoot / 2));
    const f32x4 odd_b = simd::mul(w[1], simd::splat(b_scale * kRoot));
    y[0] = w[0];
    y[1] = simd::add(even_a, odd_a);
    y[2] = simd::sub(even_a, odd_a);
    y[3] = simd::add(even_b, odd_b);
    y[4] = simd::sub(even_b, odd_b);
    y[5] = w[2];
  }
};

template <int n>
using Square = float[n][n][kLanes];

template <int n>
[[gnu::always_inline]] inline void load(const float* from, ptrdiff_t step, f32x4 (&v)[n]) {
  for (f32x4& one : v) {
    one = simd::load(from);
    from += step;
  }
}

template <int n>
[[gnu::always_inline]] inline void store(const f32x4 (&v)[n], float* to, ptrdiff_t step) {
  for (const f32x4& one : v) {
    simd::store(to, one);
    to += step;
  }
}

template <int m>
[[gnu::noinline]] void input(const InputTile& t) {
  constexpr int n = m + 2;
  const ptrdiff_t row_step = t.row_step, pixel_step = t.pixel_step, plane_step = t.plane_step;
  const Axis<m> axis;
  alignas(16) Square<n> half;
  f32x4 d[n], y[n];
  for (ptrdiff_t c = 0; c < t.channels; c += kLanes) {
    const float* column = t.pixels + c;
#pragma clang loop unroll(disable)
    for (int x = 0; x < n; ++x, column += pixel_step) {
      load(column, row_step, d);
      axis.input(d, y);
      store(y, half[0][x], n * kLanes);
    }
    float* plane = t.planes + c;
#pragma clang loop unroll(disable)
    for (int i = 0; i < n; ++i, plane += n * plane_step) {
      load(half[i][0], kLanes, d);
      axis.input(d, y);
      store(y, plane, plane_step);
    }
  }
}

// Rows of m pixels, four channels: epilogue and store; `lanes` and `columns` may be fewer.
struct Store {
  f32x4 bias, low, high;
  ptrdiff_t pixel_step, columns, lanes;
  bool clamped;

  template <int m>
  void whole(f32x4 (&y)[m], const float* residual, float* out) const {
    for (f32x4& v : y) v = simd::add(v, bias);
    if (residual) {
      for (f32x4& v : y) {
        v = simd::add(v, simd::load(residual));
        residual += pixel_step;
      }
    }
    if (clamped) {
      for (f32x4& v : y) v = simd::clamp(v, low, high);
    }
    store(y, out, pixel_step);
  }

  template <int m>
  void part(f32x4 (&y)[m], const float* residual, float* out) const {
    for (ptrdiff_t x = 0; x < columns; ++x) {
      f32x4 v = simd::add(y[x], bias);
      if (residual) v = simd::add(v, load_lanes(residual + x * pixel_step, lanes));
      v = simd::clamp(v, low, high);
      float* pixel = out + x * pixel_step;
      lanes == kLanes ? simd::store(pixel, v) : rows::store_part(pixel, v, lanes);
    }
  }

  static f32x4 load_lanes(const float* x, ptrdiff_t lanes) {
    return lanes == kLanes ? simd::load(x) : rows::load_part(x, lanes, 0);
  }
};

template <int m>
[[gnu::noinline]] void output(const OutputTile& t) {
  constexpr int n = m + 2;
  const ptrdiff_t plane_step = t.plane_step, row_step = t.row_step, rows = t.rows;
  const Clamp bounds = clamp_of(t.epilogue);
  Store finish = {.bias = {},
                  .low = simd::splat(bounds.low),
                  .high = simd::splat(bounds.high),
                  .pixel_step = t.pixel_step,
                  .columns = t.columns,
                  .lanes = kLanes,
                  .clamped = bounds.active};
  const Axis<m> axis;
  alignas(16) Square<n> half;
  f32x4 p[n], y[m];
  for (ptrdiff_t c = 0; c < t.channels; c += kLanes) {
    const float* column = t.planes + c;
#pragma clang loop unroll(disable)
    for (int x = 0; x < n; ++x, column += plane_step) {
      load(column, n * plane_step, p);
      axis.output(p, y);
      store(y, half[0][x], n * kLanes);
    }
    finish.lanes = std::min<ptrdiff_t>(t.channels - c, kLanes);
    finish.bias = Store::load_lanes(t.epilogue.bias + c, finish.lanes);
    const bool whole = finish.lanes == kLanes && finish.columns == m;
    float* out = t.out + c;
    const float* residual = t.residual ? t.residual + c : nullptr;
#pragma clang loop unroll(disable)
    for (ptrdiff_t i = 0; i < rows; ++i, out += row_step) {
      load(half[i][0], kLanes, p);
      axis.output(p, y);
      whole ? finish.whole(y, residual, out) : finish.part(y, residual, out);
      if (residual) residual += row_step;
    }
  }
}

using Taps = float[9][kTileVectors][kLanes];

// Weights of four input channels (fewer in the last vector) for one output; zeros beyond them.
f32x4 load_weights(const WeightTile& t, const float* from, ptrdiff_t output, ptrdiff_t channel) {
  const ptrdiff_t left = t.channels - channel;
  if (output >= t.outputs || left <= 0) return simd::splat(0);
  from += output * t.output_step + channel;
  return left < kLanes ? rows::load_part(from, left, 0) : simd::load(from);
}

// In the order of a panel: by input channels, then outputs.
void gather(const WeightTile& t, Taps& taps) {
  const float* tap = t.weights;
  for (int k = 0; k < 9; ++k, tap += t.tap_step) {
#pragma clang loop unroll(disable)
    for (int j = 0; j < kTileVectors / kLanes; ++j) {
      const int channel = j / 2 * kLanes, output = j % 2 * kLanes;
      f32x4 v[kLanes];
      for (int i = 0; i < kLanes; ++i) v[i] = load_weights(t, tap, output + i, channel);
      simd::transpose(v);
      for (int i = 0; i < kLanes; ++i) simd::store(taps[k][(channel + i) * 2 + j % 2], v[i]);
    }
  }
}

// Planes are written line by line: they may lie a power of two apart and share cache sets.
template <int m>
[[gnu::noinline]] void weight(const WeightTile& t) {
  constexpr int n = m + 2;
  const ptrdiff_t plane_step = t.plane_step, vectors = 2 * t.channels;
  const Axis<m> axis;
  alignas(16) Taps taps;
  alignas(16) float half[n][3][kTileVectors][kLanes];
  f32x4 w[3], y[n];
  gather(t, taps);
  for (int x = 0; x < 3; ++x) {
#pragma clang loop unroll(disable)
    for (int v = 0; v < kTileVectors; ++v) {
      load(taps[x][v], 3 * kTileVectors * kLanes, w);
      axis.weight(w, y);
      store(y, half[0][x][v], 3 * kTileVectors * kLanes);
    }
  }
  float* line = t.planes;
#pragma clang loop unroll(disable)
  for (int i = 0; i < n; ++i, line += n * plane_step) {
#pragma clang loop unroll(disable)
    for (ptrdiff_t v = 0; v < vectors; ++v) {
      load(half[i][0][v], kTileVectors * kLanes, w);
      axis.weight(w, y);
      store(y, line + v * kLanes, plane_step);
    }
  }
}

template <int m>
constexpr Transforms kTransforms = {m, input<m>, output<m>, weight<m>};

}  // namespace

const Transforms* transforms(int64_t outputs) {
  return outputs == 2 ? &kTransforms<2> : outputs == 4 ? &kTransforms<4> : nullptr;
}

}  // namespace wtw::winograd
