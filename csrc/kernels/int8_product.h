// Products of rows of bytes, 0 to 127, and packed int8 weights: exact sums, tile by tile.
//
// A row of the left side is some runs of bytes ("taps"), at the same distances from the first byte
// of each row, so that a convolution is a product. The last step of a tap may read up to 3 bytes
// behind it, which meet weights of 0: whoever provides the rows provides those bytes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/kernel.h"
#include "kernels/axis.h"
#include "kernels/gemm.h"
#include "kernels/int8.h"

namespace wtw::int8 {

inline constexpr int64_t kMostDepth = 1 << 17;  // sums of so many products of 7 and 8 bits fit 32
inline constexpr int64_t kBehind = kDepth - 1;  // bytes that may be read behind a tap

struct Product {
  int64_t m, n;              // rows and columns of the output
  int64_t taps, depth;       // bytes of each tap
  const ptrdiff_t* offsets;  // of taps, from a row's first byte
  const int8_t* weights;     // [ceil(n / 8)][taps][ceil(depth / 4)][8][4]

  int64_t tap_steps() const { return ceil_div(depth, kDepth); }
  int64_t steps() const { return taps * tap_steps(); }
  int64_t panels() const { return ceil_div(n, kColumns); }
  gemm::Blocking blocking() const {
    return gemm::blocking(ceil_div(m, kRows), panels(), steps() * 2);
  }
};

// Of one panel; a row for each of the tile.
using Sums = int32_t[kRows][kColumns];

// The sums of `count` rows, 1 to kRows of them, times one panel.
void multiply(const Product& product, const uint8_t* const* rows, int64_t count, int64_t panel,
              Sums& sums);

// One chunk. find(first, count, rows) says where the rows of a tile begin; output.take() is told
// the sums of a tile and a panel, output.done() that all panels up to `last` are.
template <class Output, class Find>
void run_chunk(const Product& product, const gemm::Blocking& b, int64_t chunk, const Output& output,
               Find&& find) {
  const int64_t tile = chunk % b.tile_chunks() * b.tile_block;
  const int64_t panel = chunk / b.tile_chunks() * b.panel_block;
  const int64_t last = std::min(panel + b.panel_block, b.panels);
  for (int64_t t = tile; t < std::min(tile + b.tile_block, b.tiles); ++t) {
    const int64_t first = t * kRows, count = std::min<int64_t>(kRows, product.m - first);
    const uint8_t* rows[kRows];
    find(first, count, rows);
    for (int64_t i = panel; i < last; ++i) {
      alignas(16) Sums sums;
      multiply(product, rows, count, i, sums);
      output.take(first, count, i, sums);
    }
    output.done(first, count, panel, last);
  }
}

}  // namespace wtw::int8
