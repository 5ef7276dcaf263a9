// upsample_bilinear2d and upsample_bicubic2d: weighted sums of pixels, first along the rows, then
// along the columns.
//
// An input row, once resized to the output's width, serves several output rows: each worker keeps
// the last few of them. Both steps add up whole pixels or rows, the channels being innermost.
#include "core/kernel.h"
#include "core/simd.h"
#include "kernels/axis.h"
#include "kernels/upsample_taps.h"
#include "ops.h"

namespace wtw {
namespace {

using simd::f32x4;
using upsample::Filter;
using upsample::Image;
using upsample::Taps;

constexpr int64_t kGrain = 64 << 10;  // elements of a chunk
constexpr int64_t kRows = 8;          // of a chunk at least, as neighbours share input rows
constexpr int64_t kMaxCache = int64_t{1} << 40;

struct Plan {
  Image image;
  Filter filter;
  bool antialias;
  int64_t taps_down, taps_across;  // at most, of an output row and of an output column

  int64_t line() const { return image.width.out * image.channels; }
};

// Rows or pixels: piece i of n elements lies at data + i * pitch.
template <class T>
struct Pieces {
  const T* data;
  int64_t pitch;
};

template <int N>
void add_vectors(float* y, Pieces<float> x, const int64_t* index, const float* weight,
                 int64_t taps) {
  f32x4 acc[N];
  std::fill_n(acc, N, simd::splat(0));
  for (int64_t k = 0; k < taps; ++k) {
    const float* from = x.data + index[k] * x.pitch;
    const f32x4 w = simd::load_splat(weight + k);
    for (int i = 0; i < N; ++i) acc[i] = simd::madd(simd::load(from + 4 * i), w, acc[i]);
  }
  for (int i = 0; i < N; ++i) simd::store(y + 4 * i, acc[i]);
}

// y[i] = the sum over k of weight[k] * x[index[k]][i], for i < n.
template <class T>
void weigh(T* y, Pieces<T> x, int64_t n, const int64_t* index, const T* weight, int64_t taps) {
  int64_t i = 0;
  if constexpr (std::is_same_v<T, float>) {
    for (; i + 16 <= n; i += 16) add_vectors<4>(y + i, {x.data + i, x.pitch}, index, weight, taps);
    for (; i + 4 <= n; i += 4) add_vectors<1>(y + i, {x.data + i, x.pitch}, index, weight, taps);
  }
  for (; i < n; ++i) {
    T total = 0;
    for (int64_t k = 0; k < taps; ++k) total += weight[k] * x.data[index[k] * x.pitch + i];
    y[i] = total;
  }
}

// A worker's resized rows: input row r of all images lies in slot r % taps_down.
template <class T>
struct Cache {
  T* rows;
  int64_t *held, *slots;  // row in each slot, or -1; slots of the current output row's taps

  static int64_t bytes(const Plan& plan) {
    return plan.taps_down * (plan.line() * static_cast<int64_t>(sizeof(T)) + 16);
  }
  Cache(std::byte* scratch, const Plan& plan)
      : held(reinterpret_cast<int64_t*>(scratch)), slots(held + plan.taps_down) {
    rows = reinterpret_cast<T*>(slots + plan.taps_down);
    std::fill_n(held, plan.taps_down, -1);
  }
};

template <class T>
void resize_row(const Plan& plan, const T* x, T* y, const Taps<T>& across) {
  const int64_t channels = plan.image.channels;
  for (int64_t o = 0; o < plan.image.width.out; ++o) {
    const int64_t at = o * across.most;
    weigh<T>(y + o * channels, {x, channels}, channels, across.index + at, across.weight + at,
             across.count[o]);
  }
}

// Row `index` of all images' output rows.
template <class T>
void make_row(const Plan& plan, const T* x, T* y, const Taps<T>& down, const Taps<T>& across,
              Cache<T>& cache, int64_t index) {
  const upsample::Axis& height = plan.image.height;
  const int64_t line = plan.line(), o = index % height.out, at = o * down.most;
  const int64_t image = index / height.out * height.in;
  for (int64_t k = 0; k < down.count[o]; ++k) {
    const int64_t row = image + down.index[at + k], slot = row % down.most;
    cache.slots[k] = slot;
    if (cache.held[slot] == row) continue;
    cache.held[slot] = row;
    const T* from = x + row * plan.image.width.in * plan.image.channels;
    resize_row(plan, from, cache.rows + slot * line, across);
  }
  weigh<T>(y + index * line, {cache.rows, line}, line, cache.slots, down.weight + at,
           down.count[o]);
}

// Scratch that all workers share: the taps of both axes.
template <class T>
int64_t taps_bytes(int64_t out, int64_t most) {
  return out * (most * static_cast<int64_t>(sizeof(T) + sizeof(int64_t)) + 8);
}

template <class T>
Taps<T> place_taps(std::byte* scratch, int64_t out, int64_t most) {
  auto* count = reinterpret_cast<int64_t*>(scratch);
  return {most, count, count + out, reinterpret_cast<T*>(count + out + out * most)};
}

template <class T>
void resize(Call& call, const Plan& plan) {
  const upsample::Axis &height = plan.image.height, &width = plan.image.width;
  const Taps<T> across = place_taps<T>(call.scratch(), width.out, plan.taps_across);
  std::byte* rest = call.scratch() + ((taps_bytes<T>(width.out, plan.taps_across) + 7) & ~7);
  const Taps<T> down = place_taps<T>(rest, height.out, plan.taps_down);
  upsample::find_taps(width, plan.filter, plan.antialias, across);
  upsample::find_taps(height, plan.filter, plan.antialias, down);
  const T* x = call.in(0).as<T>();
  T* y = call.out().as<T>();
  const int64_t grain = std::max(kRows, kGrain / plan.line());
  parallel_ranges(plan.image.images * height.out, grain, [&](int64_t begin, int64_t end, int w) {
    Cache<T> cache(call.worker_scratch(w), plan);
    for (int64_t i = begin; i < end; ++i) make_row(plan, x, y, down, across, cache, i);
  });
}

template <class T>
void need_scratch(Call& call, const Plan& plan) {
  call.need_scratch(taps_bytes<T>(plan.image.width.out, plan.taps_across) + 8 +
                    taps_bytes<T>(plan.image.height.out, plan.taps_down));
  call.need_worker_scratch(Cache<T>::bytes(plan));
}

template <Filter filter>
Code check(Call& call) {
  using namespace op::upsample_bilinear2d;
  Plan plan = {{}, filter, call.flag(antialias_), 1, 1};
  if (Code code = upsample::read_image(call, plan.image); code != Code::ok) return code;
  if (call.out().numel == 0) return Code::ok;
  int64_t* taps[] = {&plan.taps_down, &plan.taps_across};
  upsample::Axis* axes[] = {&plan.image.height, &plan.image.width};
  for (int i = 0; i < 2; ++i) {
    axes[i]->align_corners = call.flag(align_corners_);
    *taps[i] = upsample::most_taps(*axes[i], filter, plan.antialias);
    WTW_CHECK(*taps[i] * axes[i]->out < upsample::kLimit);
  }
  WTW_CHECK(plan.line() < upsample::kLimit && plan.line() * plan.taps_down < kMaxCache);
  call.memo<Plan>() = plan;
  if (call.out().dtype == DType::float64) {
    need_scratch<double>(call, plan);
  } else {
    need_scratch<float>(call, plan);
  }
  return Code::ok;
}

Code run(Call& call) {
  if (call.out().numel == 0) return Code::ok;
  const Plan plan = call.memo<Plan>();
  if (call.out().dtype == DType::float64) {
    resize<double>(call, plan);
  } else {
    resize<float>(call, plan);
  }
  return Code::ok;
}
}  // namespace

WTW_KERNEL(upsample_bilinear2d, check<Filter::linear>, run);
WTW_KERNEL(upsample_bicubic2d, check<Filter::cubic>, run);

}  // namespace wtw
