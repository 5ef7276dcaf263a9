// Rows and packed panels in, their product out; the weights of the next product are fetched.
#include <algorithm>
#include <array>
#include <utility>

#include "kernels/winograd.h"

namespace wtw::winograd {
namespace {

using gemm::Block;
using gemm::kMostRows;
using gemm::kPanel;
using simd::f32x4;

constexpr ptrdiff_t kLongSum = 256;         // products that are summed up without a break
constexpr int kVector = 4, kLeastRows = 3;  // of two tiles or more

// Bytes to be fetched: from `begin` on, `step` further for each step of the reduction. Evenly: it
// is the processor that fetches what follows, and a burst of loads would only wait for memory.
struct Ahead {
  const char* begin;
  ptrdiff_t step;
};

template <int R>
using Sums = f32x4[R][2];

// acc += rows x weights, up to `last`.
template <int R>
[[gnu::always_inline]] inline void reduce(const float* (&a)[R], const float*& weights,
                                          const float* last, Ahead& ahead, Sums<R>& acc) {
  for (; weights != last; weights += kPanel) {
    int touched = *static_cast<const volatile char*>(ahead.begin);  // native builds read it too
    simd::pin(touched);
    ahead.begin += ahead.step;
    const f32x4 w0 = simd::load(weights), w1 = simd::load(weights + kVector);
    for (int r = 0; r < R; ++r) {
      const f32x4 x = simd::load_splat(a[r]++);
      acc[r][0] = simd::madd(x, w0, acc[r][0]);
      acc[r][1] = simd::madd(x, w1, acc[r][1]);
    }
    for (auto& row : acc) {
      for (f32x4& x : row) simd::pin(x);
    }
  }
}

template <int R>
[[gnu::always_inline]] inline void add(const float* sums, ptrdiff_t stride, Sums<R>& acc) {
  for (int r = 0; r < R; ++r, sums += stride) {
    acc[r][0] = simd::add(acc[r][0], simd::load(sums));
    acc[r][1] = simd::add(acc[r][1], simd::load(sums + kVector));
  }
}

template <int R>
[[gnu::always_inline]] inline void store(const Sums<R>& acc, float* out, ptrdiff_t stride) {
  for (int r = 0; r < R; ++r, out += stride) {
    simd::store(out, acc[r][0]);
    simd::store(out + kVector, acc[r][1]);
  }
}

// R rows of a block; long sums in parts that are added up in `out`.
template <int R, bool is_long>
[[gnu::noinline]] void multiply_rows(const Block& b, const float* left, float* out, Ahead ahead) {
  constexpr ptrdiff_t most = kLongSum * kPanel;
  const ptrdiff_t depth = b.depth * kPanel, step = b.step;
  const ptrdiff_t left_stride = b.left_stride, out_stride = b.out_stride;
  const float* weights = b.panels;
  for (ptrdiff_t n = b.count; n > 0; --n) {
    const float* a[R];
    for (int r = 0; r < R; ++r) a[r] = left + r * left_stride;
    Ahead fetched = ahead;
    const float *w = weights, *const end = weights + depth;
    do {
      const bool more = is_long && w != weights;
      Sums<R> acc = {};
      reduce<R>(a, w, is_long ? std::min(w + most, end) : end, fetched, acc);
      if (more) add<R>(out, out_stride, acc);
      store<R>(acc, out, out_stride);
    } while (is_long && w != end);
    weights += step;
    ahead.begin += step * ptrdiff_t{sizeof(float)};
    out += kPanel;
  }
}

using Run = void (*)(const Block& b, const float* left, float* out, Ahead ahead);
template <bool is_long, size_t... R>
constexpr std::array<Run, sizeof...(R)> runs(std::index_sequence<R...>) {
  return {multiply_rows<kLeastRows + R, is_long>...};
}
static_assert(gemm::kRows + 1 >= 2 * kLeastRows);  // two tiles share tile_rows + 1 rows, or more
template <bool is_long>
constexpr auto kRuns = runs<is_long>(std::make_index_sequence<kMostRows - kLeastRows + 1>());

}  // namespace

void multiply(const Block& b, ptrdiff_t next) {
  const int64_t tiles = gemm::tiles_of(b.m);
  if (tiles == 1) return gemm::run_block(b);
  constexpr ptrdiff_t step_bytes = kPanel * sizeof(float);
  const ptrdiff_t part = next == 0 ? 0 : step_bytes / static_cast<ptrdiff_t>(tiles);
  const char* const panels = reinterpret_cast<const char*>(b.panels + next);
  const auto& by_rows = b.depth > kLongSum ? kRuns<true> : kRuns<false>;
  for (int64_t t = 0; t < tiles; ++t) {
    const int64_t first = gemm::first_row(t, b.m), rows = gemm::first_row(t + 1, b.m) - first;
    by_rows[rows - kLeastRows](b, b.left + first * b.left_stride, b.out + first * b.out_stride,
                               {panels + t * part * b.depth, part});
  }
}

}  // namespace wtw::winograd
