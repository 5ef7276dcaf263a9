// Tiles of bytes times panels of int8 in, exact sums out.
#include "kernels/int8_product.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/kernel.h"
#include "kernels/gemm.h"
#include "kernels/int8_finish.h"

namespace wtw::int8 {
namespace {

// Rows of the output that are computed together.
struct Tile {
  int64_t first, count;  // 1 to kRows of them
  const uint8_t* rows[kRows];
};

// One panel of a tile.
template <int R, class Dot>
[[gnu::always_inline]] inline void reduce(const Product& p, const Tile& tile, const int8_t* w,
                                          ptrdiff_t length, Vectors<R>& sums) {
  v128_t sum[R][kSums] = {};
  for (ptrdiff_t tap = 0; tap < p.taps; ++tap) {
    const uint8_t* x[R];
    for (int r = 0; r < R; ++r) x[r] = tile.rows[r] + p.offsets[tap];
    for (const int8_t* const end = w + length; w != end; w += kStep) {
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
  }
  for (int r = 0; r < R; ++r) {
    for (int v = 0; v < kVectors; ++v) sums[r][v] = sum_of(sum[r], v);
  }
}

// What all tiles share.
struct Work {
  const Product& product;
  const Output& output;
};

// Panels [panel, last) of a tile, whole ones, to a place of T.
template <int R, class Dot, class T>
[[gnu::noinline]] void run_panels(const Work& work, const Tile& tile, int64_t panel, int64_t last,
                                  const Place& to) {
  const Product& p = work.product;
  const Output& o = work.output;
  const ptrdiff_t length = p.tap_bytes(), step = p.panel_bytes();
  const Place place = to;  // a copy: the compiler cannot know that stores leave it alone
  const Scale* left[R];
  for (int r = 0; r < R; ++r) left[r] = &o.scale_of(tile.first + r);
  const int8_t* w = p.weights + panel * step;
  for (ptrdiff_t at = 0; panel < last; ++panel, at += kColumns, w += step) {
    Vectors<R> sums;
    reduce<R, Dot>(p, tile, w, length, sums);
    scale<R, T>(o, left, panel * kColumns, sums);
    add_residual<R>(place, at, o.residual_scale, sums);
    if constexpr (sizeof(T) == 1) {
      store<R>(o.bounds, sums, place.out_bytes + at, place.stride);
    } else {
      store<R>(o.bounds, sums, place.out + at, place.stride);
    }
  }
}

using Run = void (*)(const Work&, const Tile&, int64_t, int64_t, const Place&);
using Runs = std::array<Run, kRows>;  // by rows of a tile
template <class Dot, class T, size_t... R>
constexpr Runs runs(std::index_sequence<R...>) {
  return {run_panels<R + 1, Dot, T>...};
}
template <class Dot, class T>
constexpr Runs kRuns = runs<Dot, T>(std::make_index_sequence<kRows>());
const bool kHasWhole = has_whole();
template <class T>
const Runs& here() {
  return kHasWhole ? kRuns<Whole, T> : kRuns<Halves, T>;
}

template <class T>
void copy_columns(const T* from, ptrdiff_t from_stride, T* to, ptrdiff_t to_stride, int64_t rows,
                  int64_t columns) {
  if (from == nullptr) return;
  for (int64_t r = 0; r < rows; ++r) {
    std::copy_n(from + r * from_stride, columns, to + r * to_stride);
  }
}

// The last panel where n is no multiple of its width: computed beside the output.
void run_part(Run run, const Work& work, const Tile& tile, int64_t panel, int64_t columns,
              const Place& to) {
  constexpr int kAll = kRows * kColumns;
  float out[kAll], residual[kAll] = {};
  uint8_t out_bytes[kAll], residual_bytes[kAll] = {};
  copy_columns(to.residual, to.stride, residual, kColumns, tile.count, columns);
  copy_columns(to.residual_bytes, to.stride, residual_bytes, kColumns, tile.count, columns);
  run(work, tile, panel, panel + 1,
      {out, out_bytes, to.residual ? residual : nullptr,
       to.residual_bytes ? residual_bytes : nullptr, kColumns});
  if (to.out) copy_columns(out, kColumns, to.out, to.stride, tile.count, columns);
  if (to.out_bytes) copy_columns(out_bytes, kColumns, to.out_bytes, to.stride, tile.count, columns);
}

// Activations that take whole rows, of floats alone.
void activate(const Epilogue& epilogue, int64_t rows, int64_t columns, const Place& place) {
  if (place.out == nullptr || !activates(epilogue)) return;
  for (int64_t r = 0; r < rows; ++r) {
    apply_activation(place.out + r * place.stride, columns, epilogue);
  }
}

// Panels [panel, last) of a tile.
void run_tile(const Runs& by_rows, const Work& work, const Tile& tile, int64_t panel,
              int64_t last) {
  const Run run = by_rows[tile.count - 1];
  const int64_t n = work.product.n, column = panel * kColumns, full = std::min(last, n / kColumns);
  const Place place = work.output.place.at(tile.first * n + column);
  if (panel < full) run(work, tile, panel, full, place);
  if (full < last) {
    run_part(run, work, tile, full, n % kColumns, place.at((full - panel) * kColumns));
  }
  activate(work.output.epilogue, tile.count, std::min(last * kColumns, n) - column, place);
}

}  // namespace

void multiply(const Product& p, const Output& output) {
  const gemm::Blocking cut = gemm::blocking(ceil_div(p.m, kRows), ceil_div(p.n, kColumns),
                                            p.panel_bytes() / (2 * kColumns));
  const Work work = {p, output};
  const Runs& by_rows = output.place.out ? here<float>() : here<uint8_t>();
  pool::parallel(cut.chunks(), [&](int64_t chunk, int) {
    Odometer<1> at = p.rows;
    at.seek(cut.first_tile(chunk) * kRows);
    gemm::walk(cut, chunk, [&](int64_t t, int64_t panel, int64_t last) {
      Tile tile = {t * kRows, std::min<int64_t>(kRows, p.m - t * kRows), {}};
      for (int64_t r = 0; r < tile.count; ++r, at.next()) tile.rows[r] = p.left + at[0];
      run_tile(by_rows, work, tile, panel, last);
    });
  });
}

}  // namespace wtw::int8
