// Tiles of bytes times panels of int8 in, exact sums out.
#include "kernels/int8_product.h"

#include <array>
#include <utility>

namespace wtw::int8 {
namespace {

template <int R, class Dot>
[[gnu::noinline]] void run_panel(const Product& p, const uint8_t* const* rows, int64_t panel,
                                 Sums& sums) {
  const ptrdiff_t length = p.tap_steps() * kStep;
  const int8_t* w = p.weights + panel * p.taps * length;
  v128_t sum[R][kSums] = {};
  for (ptrdiff_t tap = 0; tap < p.taps; ++tap) {
    const uint8_t* x[R];
    for (int r = 0; r < R; ++r) x[r] = rows[r] + p.offsets[tap];
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
    for (int v = 0; v < kVectors; ++v) wasm_v128_store(sums[r] + 4 * v, sum_of(sum[r], v));
  }
}

using Run = void (*)(const Product&, const uint8_t* const*, int64_t, Sums&);
template <class Dot, size_t... R>
constexpr std::array<Run, kRows> runs(std::index_sequence<R...>) {
  return {run_panel<R + 1, Dot>...};
}
template <class Dot>
constexpr std::array<Run, kRows> kRuns = runs<Dot>(std::make_index_sequence<kRows>());
const std::array<Run, kRows>& by_rows = has_whole() ? kRuns<Whole> : kRuns<Halves>;

}  // namespace

void multiply(const Product& product, const uint8_t* const* rows, int64_t count, int64_t panel,
              Sums& sums) {
  by_rows[count - 1](product, rows, panel, sums);
}

}  // namespace wtw::int8
