// Row tiles and packed panels in, output tiles with bias, residual and activation out.
#include "kernels/gemm.h"

#include <cstring>

#include "core/vmath.h"

namespace wtw::gemm {
namespace {

using simd::f32x4;

constexpr int64_t kCachedWeights = 600 << 10;  // bytes that stay near while all tiles pass
constexpr int64_t kChunkFlops = 2'000'000;     // about 40 us

alignas(16) constexpr float kZeros[kPanel] = {};

// Neighbouring panels of one tile, all 8 columns wide: where their first column is.
struct Strip {
  int64_t panels;
  int64_t weights;  // from Tap::weights, in floats
  const float* bias;
  const float* residual;
  float* out;
  int64_t stride;  // of out and residual
};

// acc += rows x panel; `offset` is the panel's, `depth` the length of a tap in panel floats.
template <int R>
[[gnu::always_inline]] inline void reduce(const Tap* tap, const Tap* end, ptrdiff_t offset,
                                          ptrdiff_t depth, f32x4 (&acc)[R][2]) {
  for (; tap != end; ++tap) {
    const float* a[R];
    for (int r = 0; r < R; ++r) a[r] = tap->row[r];
    const float* weights = tap->weights + offset;
    for (const float* last = weights + depth; weights != last; weights += kPanel) {
      const f32x4 low = simd::load(weights), high = simd::load(weights + 4);
      for (int r = 0; r < R; ++r) {
        const f32x4 x = simd::load_splat(a[r]++);
        acc[r][0] = simd::madd(x, low, acc[r][0]);
        acc[r][1] = simd::madd(x, high, acc[r][1]);
      }
      for (int r = 0; r < R; ++r) {
        simd::pin(acc[r][0]);
        simd::pin(acc[r][1]);
      }
    }
  }
}

template <int R>
[[gnu::always_inline]] inline void finish(const Clamp& bounds, const float* residual, float* out,
                                          ptrdiff_t stride, f32x4 (&acc)[R][2]) {
  if (residual) {
    for (int r = 0; r < R; ++r, residual += stride) {
      acc[r][0] = simd::add(acc[r][0], simd::load(residual));
      acc[r][1] = simd::add(acc[r][1], simd::load(residual + 4));
    }
  }
  if (bounds.active) {
    const f32x4 low = simd::splat(bounds.low), high = simd::splat(bounds.high);
    for (int r = 0; r < R; ++r) {
      acc[r][0] = simd::clamp(acc[r][0], low, high);
      acc[r][1] = simd::clamp(acc[r][1], low, high);
    }
  }
  for (int r = 0; r < R; ++r, out += stride) {
    simd::store(out, acc[r][0]);
    simd::store(out + 4, acc[r][1]);
  }
}

template <int R>
[[gnu::noinline]] void run_strip(const Product& product, const Tile& tile, const Strip& s) {
  const Clamp bounds = clamp_of(product.epilogue);
  // Copies: the compiler cannot know that stores leave the structs alone.
  const Tap *taps = tile.taps, *end = taps + tile.n_taps;
  const ptrdiff_t depth = product.depth * kPanel, panel = product.k * kPanel, stride = s.stride;
  const float *bias = s.bias ? s.bias : kZeros, *residual = s.residual;
  float* out = s.out;
  ptrdiff_t offset = s.weights;
  for (ptrdiff_t left = s.panels; left > 0; --left) {
    f32x4 acc[R][2];
    for (int r = 0; r < R; ++r) {
      acc[r][0] = simd::load(bias);
      acc[r][1] = simd::load(bias + 4);
    }
    reduce<R>(taps, end, offset, depth, acc);
    finish<R>(bounds, residual, out, stride, acc);
    offset += panel;
    out += kPanel;
    if (s.bias) bias += kPanel;
    if (residual) residual += kPanel;
  }
}

void run_strip(const Product& product, const Tile& tile, const Strip& s) {
  switch (tile.rows) {
    case 1:
      return run_strip<1>(product, tile, s);
    case 2:
      return run_strip<2>(product, tile, s);
    case 3:
      return run_strip<3>(product, tile, s);
    case 4:
      return run_strip<4>(product, tile, s);
    case 5:
      return run_strip<5>(product, tile, s);
    default:
      return run_strip<6>(product, tile, s);
  }
}

void copy_columns(const float* from, int64_t from_stride, float* to, int64_t to_stride,
                  int64_t rows, int64_t columns) {
  for (int64_t r = 0; r < rows; ++r) {
    std::memcpy(to + r * to_stride, from + r * from_stride, columns * sizeof(float));
  }
}

// The last panel where n is no multiple of 8: computed in full beside the output.
void run_partial(const Product& product, const Tile& tile, const Strip& last, int64_t columns) {
  alignas(16) float out[kRows * kPanel], residual[kRows * kPanel] = {}, bias[kPanel] = {};
  Strip beside = {1, last.weights, nullptr, nullptr, out, kPanel};
  if (last.bias) {
    copy_columns(last.bias, 0, bias, 0, 1, columns);
    beside.bias = bias;
  }
  if (last.residual) {
    copy_columns(last.residual, last.stride, residual, kPanel, tile.rows, columns);
    beside.residual = residual;
  }
  run_strip(product, tile, beside);
  copy_columns(out, kPanel, last.out, last.stride, tile.rows, columns);
}

Strip strip_at(const Product& product, const Tile& tile, int64_t panel) {
  const int64_t column = panel * kPanel;
  const float* bias = product.epilogue.bias;
  return {.panels = 0,
          .weights = column * product.k,
          .bias = bias ? bias + column : nullptr,
          .residual = tile.residual ? tile.residual + column : nullptr,
          .out = tile.out + column,
          .stride = tile.stride};
}

}  // namespace

void run_tile(const Product& product, const Tile& tile, int64_t first, int64_t last) {
  const int64_t full = std::min(last, product.n / kPanel);
  if (first < full) {
    Strip strip = strip_at(product, tile, first);
    strip.panels = full - first;
    run_strip(product, tile, strip);
  }
  if (full < last) {
    run_partial(product, tile, strip_at(product, tile, full), product.n - full * kPanel);
  }
  const Epilogue& e = product.epilogue;
  if (e.activation == Activation::none || clamp_of(e).active) return;
  const int64_t columns = std::min(last * kPanel, product.n) - first * kPanel;
  for (int64_t r = 0; r < tile.rows; ++r) {
    apply_activation(tile.out + r * tile.stride + first * kPanel, columns, e);
  }
}

Blocking blocking(int64_t tiles, int64_t n, int64_t k) {
  const int64_t panels = panels_of(n), panel_bytes = k * kPanel * int64_t{sizeof(float)};
  const int64_t flops = 2 * kRows * kPanel * std::max<int64_t>(k, 1);  // one tile, one panel
  const int64_t wanted = std::max<int64_t>(kChunkFlops / flops, 1);
  if (panels * panel_bytes <= kCachedWeights) {
    const int64_t tile_block = std::clamp<int64_t>(wanted / panels, 1, tiles);
    return {tiles, panels, tile_block, panels, false};
  }
  const int64_t tile_block = ceil_div(tiles, ceil_div(tiles, kLiveTiles));
  const int64_t panel_block = std::clamp<int64_t>(wanted / tile_block, 1, panels);
  return {tiles, panels, tile_block, panel_block, true};
}

void run_rows(const Product& product, const Blocking& blocking, int64_t chunk, Rows rows) {
  Tap taps[kLiveTiles];
  run_chunk(product, blocking, chunk, taps, 1, [&](int64_t index, Tap* tap) {
    const int64_t first = first_row(index, rows.m), last = first_row(index + 1, rows.m);
    rows.offsets.seek(first);
    for (int64_t row = first; row < last; ++row, rows.offsets.next()) {
      tap->row[row - first] = rows.left + rows.offsets[0];
    }
    tap->weights = rows.panels;
    const int64_t at = first * product.n;
    return Tile{.taps = tap,
                .n_taps = 1,
                .rows = last - first,
                .out = rows.out + at,
                .stride = product.n,
                .residual = rows.residual ? rows.residual + at : nullptr};
  });
}

}  // namespace wtw::gemm
