// Row tiles and packed panels in, output tiles with bias, residual and activation out.
#include "kernels/gemm.h"

#include <array>
#include <cstring>
#include <utility>

#include "core/vmath.h"

namespace wtw::gemm {

int tile_rows = simd::is_x86() ? kRows : kMostRows;

namespace {

using simd::f32x4;

constexpr int64_t kCachedWeights = 512 << 10;  // bytes that stay near while all tiles pass
// About 10 us; where the weights leave the cache, a tile with kCachedWeights: about 35 us.
constexpr int64_t kChunkFlops = 500'000;
constexpr ptrdiff_t kLongSum = 512;  // products that are summed up without a break
constexpr int kVector = 4;

alignas(16) constexpr float kZeros[kPanel] = {};

// Neighbouring panels of one tile: where the first one begins.
struct Strip {
  const Tap *taps, *end;
  ptrdiff_t depth;  // of each tap
  ptrdiff_t panels;
  ptrdiff_t weights, step;    // from Tap::weights to the first panel, from panel to panel
  ptrdiff_t left, left_step;  // likewise from Tap::row
  ptrdiff_t stride;           // of out and residual
  float* out;
  const float* bias;      // or null
  const float* residual;  // or null
  Clamp bounds;
};

// Sums of every n-th product, side by side: a fused multiply-add does not wait for the one before
// (it takes 4 cycles, two at a time).
template <int R, int V>
constexpr int kApart = R * V * 4 <= 2 * kRows   ? 4
                       : R * V * 2 <= 2 * kRows ? 2
                                                : 1;

template <int R, int V>
[[gnu::always_inline]] inline void add(const f32x4 (&x)[R][V], f32x4 (&acc)[R][V]) {
  for (int r = 0; r < R; ++r) {
    for (int v = 0; v < V; ++v) acc[r][v] = simd::add(acc[r][v], x[r][v]);
  }
}

// acc += one step of the reduction.
template <int R, int V>
[[gnu::always_inline]] inline void step(const float* (&a)[R], const float* weights,
                                        f32x4 (&acc)[R][V]) {
  f32x4 w[V];
  for (int v = 0; v < V; ++v) w[v] = simd::load(weights + v * kVector);
  for (int r = 0; r < R; ++r) {
    const f32x4 x = simd::load_splat(a[r]++);
    for (int v = 0; v < V; ++v) acc[r][v] = simd::madd(x, w[v], acc[r][v]);
  }
  for (int r = 0; r < R; ++r) {
    for (int v = 0; v < V; ++v) simd::pin(acc[r][v]);
  }
}

// acc += rows x panel; `depth` is the length of a tap in panel floats.
template <int R, int V>
[[gnu::always_inline]] inline void reduce(const Tap* tap, const Tap* end, ptrdiff_t depth,
                                          ptrdiff_t panel, ptrdiff_t left, f32x4 (&acc)[R][V]) {
  constexpr int n = kApart<R, V>;
  f32x4 apart[n][R][V] = {};
  for (; tap != end; ++tap) {
    const float* a[R];
    for (int r = 0; r < R; ++r) a[r] = tap->row[r] + left;
    const float* weights = tap->weights + panel;
    const float* const last = weights + depth;
    if constexpr (n > 1) {
      for (; last - weights >= n * kPanel; weights += n * kPanel) {
        for (int i = 0; i < n; ++i) step<R, V>(a, weights + i * kPanel, apart[i]);
      }
    }
    for (; weights != last; weights += kPanel) step<R, V>(a, weights, acc);
  }
  if constexpr (n > 1) {
    for (auto& sums : apart) add<R, V>(sums, acc);
  }
}

template <int R, int V>
[[gnu::always_inline]] inline void load(const float* bias, f32x4 (&acc)[R][V]) {
  for (auto& row : acc) {
    for (int v = 0; v < V; ++v) row[v] = simd::load(bias + v * kVector);
  }
}

template <int R, int V>
[[gnu::always_inline]] inline void finish(const Clamp& bounds, const float* residual, float* out,
                                          ptrdiff_t stride, f32x4 (&acc)[R][V]) {
  if (residual) {
    for (int r = 0; r < R; ++r, residual += stride) {
      for (int v = 0; v < V; ++v) {
        acc[r][v] = simd::add(acc[r][v], simd::load(residual + v * kVector));
      }
    }
  }
  if (bounds.active) {
    const f32x4 low = simd::splat(bounds.low), high = simd::splat(bounds.high);
    for (auto& row : acc) {
      for (f32x4& x : row) x = simd::clamp(x, low, high);
    }
  }
  for (int r = 0; r < R; ++r, out += stride) {
    for (int v = 0; v < V; ++v) simd::store(out + v * kVector, acc[r][v]);
  }
}

// Panels whose sums are long: in parts that are added up in `out`, so that rounding errors grow
// with the length of a part. Parts are some whole taps, or pieces of one.
template <int R, int V>
[[gnu::always_inline]] inline void run_parts(const Strip& s, ptrdiff_t weights, ptrdiff_t left,
                                             const float* bias, const float* residual, float* out) {
  const Tap *tap = s.taps, *const end = s.end;
  const ptrdiff_t depth = s.depth, group = depth < kLongSum ? kLongSum / depth : 1;
  ptrdiff_t begin = 0;
  do {
    const Tap* const last = std::min(tap + group, end);
    const ptrdiff_t length = std::min(depth - begin, kLongSum);
    f32x4 acc[R][V];
    load<R, V>(bias, acc);
    reduce<R, V>(tap, last, length * kPanel, weights + begin * kPanel, left + begin, acc);
    begin += length;
    if (begin == depth) {
      tap = last;
      begin = 0;
    }
    finish<R, V>(tap == end ? s.bounds : Clamp{}, residual, out, s.stride, acc);
    bias = kZeros;
    residual = out;
  } while (tap != end);
}

template <int R, int V, bool is_long>
[[gnu::noinline]] void run_strip(const Strip& s) {
  constexpr int width = V * kVector;
  // Copies: the compiler cannot know that stores leave the strip alone.
  const Clamp bounds = s.bounds;
  const Tap *taps = s.taps, *end = s.end;
  const ptrdiff_t depth = s.depth * kPanel, stride = s.stride;
  const ptrdiff_t step = s.step, left_step = s.left_step;
  const float *bias = s.bias ? s.bias : kZeros, *residual = s.residual;
  const ptrdiff_t bias_step = s.bias ? width : 0, residual_step = s.residual ? width : 0;
  float* out = s.out;
  ptrdiff_t weights = s.weights, left = s.left;
  for (ptrdiff_t n = s.panels; n > 0; --n) {
    if constexpr (is_long) {
      run_parts<R, V>(s, weights, left, bias, residual, out);
    } else {
      f32x4 acc[R][V];
      load<R, V>(bias, acc);
      reduce<R, V>(taps, end, depth, weights, left, acc);
      finish<R, V>(bounds, residual, out, stride, acc);
    }
    weights += step;
    left += left_step;
    out += width;
    bias += bias_step;
    residual += residual_step;
  }
}

using Run = void (*)(const Strip& strip);
template <int V, bool is_long, size_t... R>
constexpr std::array<Run, kMostRows> runs(std::index_sequence<R...>) {
  return {run_strip<R + 1, V, is_long>...};
}
template <int V, bool is_long>
constexpr std::array<Run, kMostRows> kRuns =
    runs<V, is_long>(std::make_index_sequence<kMostRows>());  // by rows of the tile

// V: 1 for half panels, 2 for whole ones.
template <int V>
void run_panels(const Strip& s, int64_t rows) {
  const bool is_long = (s.end - s.taps) * s.depth > kLongSum;
  (is_long ? kRuns<V, true> : kRuns<V, false>)[rows - 1](s);
}

void run_panels(const Strip& strip, int64_t rows, bool half) {
  half ? run_panels<1>(strip, rows) : run_panels<2>(strip, rows);
}

void copy_columns(const float* from, int64_t from_stride, float* to, int64_t to_stride,
                  int64_t rows, int64_t columns) {
  for (int64_t r = 0; r < rows; ++r) {
    std::memcpy(to + r * to_stride, from + r * from_stride, columns * sizeof(float));
  }
}

// The last panel where n is no multiple of its width: computed beside the output.
void run_partial(const Tile& tile, const Strip& last, int64_t columns) {
  alignas(16) float out[kMostRows * kPanel], residual[kMostRows * kPanel] = {}, bias[kPanel] = {};
  Strip beside = last;
  beside.out = out;
  beside.stride = kPanel;
  if (last.bias) {
    copy_columns(last.bias, 0, bias, 0, 1, columns);
    beside.bias = bias;
  }
  if (last.residual) {
    copy_columns(last.residual, last.stride, residual, kPanel, tile.rows, columns);
    beside.residual = residual;
  }
  run_panels(beside, tile.rows, columns <= kVector);
  copy_columns(out, kPanel, last.out, last.stride, tile.rows, columns);
}

Strip strip_at(const Product& product, const Tile& tile, int64_t panel, int64_t count) {
  const int64_t column = panel * product.width, step = product.k * kPanel;
  const float* bias = product.epilogue.bias;
  return {.taps = tile.taps,
          .end = tile.taps + tile.n_taps,
          .depth = static_cast<ptrdiff_t>(product.depth),
          .panels = static_cast<ptrdiff_t>(count),
          .weights = static_cast<ptrdiff_t>(panel * step),
          .step = static_cast<ptrdiff_t>(step),
          .left = static_cast<ptrdiff_t>(tile.left + panel * product.left_step),
          .left_step = static_cast<ptrdiff_t>(product.left_step),
          .stride = static_cast<ptrdiff_t>(tile.stride),
          .out = tile.out + column,
          .bias = bias ? bias + column : nullptr,
          .residual = tile.residual ? tile.residual + column : nullptr,
          .bounds = clamp_of(product.epilogue)};
}

}  // namespace

void run_tile(const Product& product, const Tile& tile, int64_t first, int64_t last) {
  const bool half = product.width == kVector;
  const int64_t width = half ? kVector : kPanel;
  const int64_t full = std::min(last, half ? product.n / kVector : product.n / kPanel);
  if (first < full) {
    run_panels(strip_at(product, tile, first, full - first), tile.rows, half);
  }
  if (full < last) {
    run_partial(tile, strip_at(product, tile, full, 1), product.n - full * width);
  }
  const Epilogue& e = product.epilogue;
  if (!activates(e)) return;
  const int64_t columns = std::min(last * width, product.n) - first * width;
  // Rows without gaps are one.
  const int64_t rows = columns == tile.stride ? 1 : tile.rows, length = columns * tile.rows / rows;
  for (int64_t r = 0; r < rows; ++r) {
    apply_activation(tile.out + r * tile.stride + first * width, length, e);
  }
}

void run_block(const Block& b) {
  Tap tap = {.row = {}, .weights = b.panels};
  for (int64_t r = 0; r < b.m; ++r) tap.row[r] = b.left + r * b.left_stride;
  run_panels<2>({.taps = &tap,
                 .end = &tap + 1,
                 .depth = b.depth,
                 .panels = b.count,
                 .weights = 0,
                 .step = b.step,
                 .left = 0,
                 .left_step = 0,
                 .stride = b.out_stride,
                 .out = b.out,
                 .bias = nullptr,
                 .residual = nullptr,
                 .bounds = {}},
                b.m);
}

Blocking blocking(int64_t tiles, int64_t panels, int64_t k) {
  const int64_t panel = std::max<int64_t>(k, 1) * kPanel;  // floats
  const int64_t near = kCachedWeights / int64_t{sizeof(float)} / panel;
  const int64_t wanted = std::max<int64_t>(kChunkFlops / (2 * tile_rows * panel), 1);
  // A single tile meets each panel once: only the length of the chunk counts.
  const int64_t most = std::clamp<int64_t>(tiles > 1 ? near : wanted, 1, panels);
  const int64_t panel_block = ceil_div(panels, ceil_div(panels, most));
  return {tiles, panels, std::clamp<int64_t>(wanted / panel_block, 1, tiles), panel_block};
}

void run_rows(const Product& product, const Blocking& blocking, int64_t chunk, Rows rows) {
  Tap tap;
  const Spread spread(rows.m);
  run_chunk(product, blocking, chunk, [&](int64_t index) {
    const int64_t first = spread.first(index), last = spread.first(index + 1);
    rows.offsets.seek(first);
    for (int64_t row = first; row < last; ++row, rows.offsets.next()) {
      tap.row[row - first] = rows.left + rows.offsets[0];
    }
    tap.weights = rows.panels;
    const int64_t at = first * product.n;
    return Tile{.taps = &tap,
                .n_taps = 1,
                .rows = last - first,
                .out = rows.out + at,
                .stride = product.n,
                .residual = rows.residual ? rows.residual + at : nullptr};
  });
}

}  // namespace wtw::gemm
