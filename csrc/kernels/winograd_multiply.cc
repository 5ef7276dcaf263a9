// Rows and packed panels in, their product out; the weights of the next product are fetched.
#include <array>
#include <utility>

#include "kernels/winograd.h"

namespace wtw::winograd {
namespace {

using gemm::Block;
using gemm::kMostRows;
using gemm::kPanel;
using simd::f32x4;

constexpr int kVector = 4, kLeastRows = 3;  // of two tiles or more

// Bytes to be fetched: from `begin` on, `step` further for each step of the reduction. Evenly: it
// is the processor that fetches what follows, and a burst of loads would only wait for memory.
struct Ahead {
  const char* begin;
  ptrdiff_t step;
};

// R rows of a block.
template <int R>
[[gnu::noinline]] void multiply_rows(const Block& b, const float* left, float* out, Ahead ahead) {
  const ptrdiff_t depth = b.depth * kPanel, step = b.step;
  const ptrdiff_t left_stride = b.left_stride, out_stride = b.out_stride;
  const float* weights = b.panels;
  for (ptrdiff_t n = b.count; n > 0; --n) {
    f32x4 acc[R][2] = {};
    const float* a[R];
    for (int r = 0; r < R; ++r) a[r] = left + r * left_stride;
    const char* fetched = ahead.begin;
    for (const float *w = weights, *const last = w + depth; w != last; w += kPanel) {
      int touched = *static_cast<const volatile char*>(fetched);  // native builds read it too
      simd::pin(touched);
      fetched += ahead.step;
      const f32x4 w0 = simd::load(w), w1 = simd::load(w + kVector);
      for (int r = 0; r < R; ++r) {
        const f32x4 x = simd::load_splat(a[r]++);
        acc[r][0] = simd::madd(x, w0, acc[r][0]);
        acc[r][1] = simd::madd(x, w1, acc[r][1]);
      }
      for (auto& row : acc) {
        for (f32x4& x : row) simd::pin(x);
      }
    }
    float* to = out;
    for (int r = 0; r < R; ++r, to += out_stride) {
      simd::store(to, acc[r][0]);
      simd::store(to + kVector, acc[r][1]);
    }
    weights += step;
    ahead.begin += step * ptrdiff_t{sizeof(float)};
    out += kPanel;
  }
}

using Run = void (*)(const Block& b, const float* left, float* out, Ahead ahead);
template <size_t... R>
constexpr std::array<Run, sizeof...(R)> runs(std::index_sequence<R...>) {
  return {multiply_rows<kLeastRows + R>...};
}
static_assert(gemm::kRows + 1 >= 2 * kLeastRows);  // two tiles share tile_rows + 1 rows, or more
constexpr auto kRuns = runs(std::make_index_sequence<kMostRows - kLeastRows + 1>());

}  // namespace

void multiply(const Block& b, ptrdiff_t next) {
  const int64_t tiles = gemm::tiles_of(b.m);
  if (tiles == 1) return gemm::run_block(b);
  constexpr ptrdiff_t step_bytes = kPanel * sizeof(float);
  const ptrdiff_t part = next == 0 ? 0 : step_bytes / static_cast<ptrdiff_t>(tiles);
  const char* const panels = reinterpret_cast<const char*>(b.panels + next);
  for (int64_t t = 0; t < tiles; ++t) {
    const int64_t first = gemm::first_row(t, b.m), rows = gemm::first_row(t + 1, b.m) - first;
    kRuns[rows - kLeastRows](b, b.left + first * b.left_stride, b.out + first * b.out_stride,
                             {panels + t * part * b.depth, part});
  }
}

}  // namespace wtw::winograd
