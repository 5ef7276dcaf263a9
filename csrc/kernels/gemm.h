// The core of linear, matmul, convolution and attention: tiles of rows times packed panels.
//
// A tile is some rows of the output; a panel is 8 columns of it, with the weights stored [K][8]. A
// row of the left side need not be contiguous: it is a list of runs ("taps"), so that a convolution
// is a product without a copy of its input.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/kernel.h"
#include "core/simd.h"
#include "kernels/activation.h"
#include "kernels/axis.h"
#include "kernels/odometer.h"

namespace wtw::gemm {

inline constexpr int kPanel = 8;

// 6 x 2 accumulators, 2 vectors of weights and 1 broadcast are the 15 vector registers that V8 has
// on x86; without FMA a product takes one more.
inline constexpr int kRows = simd::kFused ? 6 : 5;
// ARM has 32 registers, and cores that begin four FMAs a cycle and finish them four cycles later: 8
// x 2 accumulators keep them busy.
inline constexpr int kMostRows = simd::kFused ? 8 : kRows;
// The rows of a tile on this processor. Set before the first binding if at all.
extern int tile_rows;

constexpr int64_t panels_of(int64_t n) { return ceil_div(n, kPanel); }
constexpr int64_t packed_size(int64_t n, int64_t k) { return panels_of(n) * k * kPanel; }
constexpr int64_t packed_bytes(int64_t n, int64_t k) { return packed_size(n, k) * 4; }

// A run of the reduction: where it begins in each row, and in a panel.
struct Tap {
  const float* row[kMostRows];
  const float* weights;  // in panel 0
};

// Rows of the output that are computed together.
struct Tile {
  const Tap* taps;
  int64_t n_taps;
  int64_t rows;           // 1 to tile_rows
  float* out;             // column 0 of the first row
  int64_t stride;         // from row to row of the output, in floats
  const float* residual;  // added to `out`, at the same strides; or null
  int64_t left = 0;       // floats from where the taps point to where they begin
};

// What all tiles of a product share.
struct Product {
  int64_t n;      // columns of the output
  int64_t k;      // rows of a panel
  int64_t depth;  // length of each tap
  Epilogue epilogue;
  int64_t width = kPanel;  // columns of each panel: 8, or 4 of them
  int64_t left_step = 0;   // from panel to panel in the left side, where panels are groups
};

// Panels [first, last) of one tile: reduction, epilogue, store.
void run_tile(const Product& product, const Tile& tile, int64_t first, int64_t last);

// A small product of whole panels without an epilogue: out (m, 8 count) = left (m, k) x panels.
// run_block takes one tile of it: m is 1 to tile_rows.
struct Block {
  const float* left;
  ptrdiff_t left_stride;
  int64_t m;
  const float* panels;
  ptrdiff_t step;  // from panel to panel
  ptrdiff_t depth, count;
  float* out;
  ptrdiff_t out_stride;
};
void run_block(const Block& block);

// How a product is cut into chunks for the pool: by its shape alone. The weights of a chunk stay in
// the second-level cache, and chunks that share them follow each other.
struct Blocking {
  int64_t tiles, panels;            // of the whole product
  int64_t tile_block, panel_block;  // of a chunk

  int64_t tile_chunks() const { return ceil_div(tiles, tile_block); }
  int64_t chunks() const { return tile_chunks() * ceil_div(panels, panel_block); }
  int64_t first_tile(int64_t chunk) const { return chunk % tile_chunks() * tile_block; }
};
Blocking blocking(int64_t tiles, int64_t panels, int64_t k);  // tiles, panels >= 1

// Rows are spread evenly over the tiles: none of them is much narrower than the others.
inline int64_t tiles_of(int64_t m) { return ceil_div(m, tile_rows); }
struct Spread {
  int64_t rows, more;  // of each tile; tiles that have one more

  explicit Spread(int64_t m)
      : rows(m / std::max<int64_t>(tiles_of(m), 1)), more(m - rows * tiles_of(m)) {}
  int64_t first(int64_t tile) const { return tile * rows + std::min(tile, more); }
};
inline int64_t first_row(int64_t tile, int64_t m) { return Spread(m).first(tile); }

// The tiles of a chunk, each with the panels that it meets: each(tile, panel, last).
template <class Each>
void walk(const Blocking& b, int64_t chunk, Each&& each) {
  const int64_t tile = b.first_tile(chunk), end = std::min(tile + b.tile_block, b.tiles);
  const int64_t panel = chunk / b.tile_chunks() * b.panel_block;
  const int64_t last = std::min(panel + b.panel_block, b.panels);
  for (int64_t t = tile; t < end; ++t) each(t, panel, last);
}

// One chunk; make(index) gives a tile, whose taps may lie where those of the last one lay.
template <class Make>
void run_chunk(const Product& product, const Blocking& b, int64_t chunk, Make&& make) {
  walk(b, chunk,
       [&](int64_t t, int64_t panel, int64_t last) { run_tile(product, make(t), panel, last); });
}

// Element (i, j) of a matrix is data[i * row + j * column].
struct Matrix {
  const float* data;
  int64_t row, column;
};

// Packs one panel of an (n, k) matrix: its rows from panel * 8 on; rows beyond n are zeros.
void pack_panel(const Matrix& source, int64_t n, int64_t k, int64_t panel, float* panels);

// Packs `count` (n, k) matrices one after the other; source(i) gives Matrix i.
template <class Source>
void pack(int64_t count, int64_t n, int64_t k, float* panels, Source&& source) {
  constexpr int64_t kChunkElements = 32 << 10;
  const int64_t each = panels_of(n), all = each * count;
  const int64_t block = std::max<int64_t>(kChunkElements / std::max<int64_t>(k * kPanel, 1), 1);
  pool::parallel(ceil_div(all, block), [&](int64_t chunk, int) {
    for (int64_t p = chunk * block; p < std::min((chunk + 1) * block, all); ++p) {
      const int64_t matrix = p / each;
      pack_panel(source(matrix), n, k, p % each, panels + matrix * packed_size(n, k));
    }
  });
}

// A product whose left side has whole rows in memory and whose output (m, n) is dense.
struct Rows {
  const float* left;
  Odometer<1> offsets;  // of each row in `left`
  int64_t m;
  const float* panels;
  float* out;
  const float* residual;  // as `out`, or null
};
void run_rows(const Product& product, const Blocking& blocking, int64_t chunk, Rows rows);

}  // namespace wtw::gemm
