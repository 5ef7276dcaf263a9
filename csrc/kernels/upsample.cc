// upsample_bilinear2d and upsample_bicubic2d: weighted sums of pixels, first along the rows, then
// along the columns.
//
// An input row, once resized to the output's width, serves several output rows: each worker keeps
// the last few of them. Both steps add up whole pixels or rows, the channels being innermost.
#include <algorithm>

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
using upsample::Sampling;
using upsample::Taps;

constexpr int64_t kGrain = 64 << 10;  // elements of a chunk
constexpr int64_t kRows = 8;          // of a chunk at least, as neighbours share input rows
constexpr int64_t kMaxCache = int64_t{1} << 40;

struct Plan {
  Image image;
  Sampling sampling;
  int64_t taps_down, taps_across;  // at most, of an output row and of an output column

  int64_t line() const { return image.width.out * image.channels; }
};

// A weighted sum of pieces of n elements: piece k begins at x + index[k] * pitch.
struct Sum {
  const int64_t* index;
  const double* weight;
  int64_t taps, pitch, n;
};

template <int N>
void add_vectors(const float* x, float* y, const Sum& sum) {
  f32x4 acc[N];
  std::fill_n(acc, N, simd::splat(0));
  for (int64_t k = 0; k < sum.taps; ++k) {
    const float* from = x + sum.index[k] * sum.pitch;
    const f32x4 w = simd::splat(static_cast<float>(sum.weight[k]));
    for (int i = 0; i < N; ++i) acc[i] = simd::madd(simd::load(from + 4 * i), w, acc[i]);
  }
  for (int i = 0; i < N; ++i) simd::store(y + 4 * i, acc[i]);
}

template <class T>
void add_numbers(const T* x, T* y, const Sum& sum) {
  for (int64_t i = 0; i < sum.n; ++i) {
    T total = 0;
    for (int64_t k = 0; k < sum.taps; ++k) {
      total += static_cast<T>(sum.weight[k]) * x[sum.index[k] * sum.pitch + i];
    }
    y[i] = total;
  }
}

void add_up(const float* x, float* y, const Sum& sum) {
  if (sum.n < 4) return add_numbers(x, y, sum);
  int64_t i = 0;
  for (; i + 16 <= sum.n; i += 16) add_vectors<4>(x + i, y + i, sum);
  for (; i + 4 <= sum.n; i += 4) add_vectors<1>(x + i, y + i, sum);
  const int64_t last = sum.n - 4;  // overlaps the one before
  if (i < sum.n) add_vectors<1>(x + last, y + last, sum);
}

void add_up(const double* x, double* y, const Sum& sum) { add_numbers(x, y, sum); }

// Exact sums, rounded half up.
void add_up(const uint8_t* x, uint8_t* y, const Sum& sum) {
  for (int64_t i = 0; i < sum.n; ++i) {
    double total = 0.5;
    for (int64_t k = 0; k < sum.taps; ++k) {
      total += sum.weight[k] * x[sum.index[k] * sum.pitch + i];
    }
    y[i] = static_cast<uint8_t>(std::clamp(total, 0.0, 255.0));
  }
}

int64_t cache_bytes(const Plan& plan, DType dtype) {
  return plan.taps_down * (plan.line() * size_of(dtype) + 16);
}

// A worker's resized rows: input row r of all images lies in slot r % taps_down.
template <class T>
struct Cache {
  T* rows;
  int64_t *held, *slots;  // row in each slot, or -1; slots of the current output row's taps

  Cache(std::byte* scratch, const Plan& plan)
      : held(reinterpret_cast<int64_t*>(scratch)), slots(held + plan.taps_down) {
    rows = reinterpret_cast<T*>(slots + plan.taps_down);
    std::fill_n(held, plan.taps_down, -1);
  }
};

template <class T>
void resize_row(const Plan& plan, const T* x, T* y, const Taps& across) {
  const int64_t channels = plan.image.channels;
  for (int64_t o = 0; o < plan.image.width.out; ++o) {
    const int64_t at = o * across.most;
    add_up(x, y + o * channels,
           {across.index + at, across.weight + at, across.count[o], channels, channels});
  }
}

// Row `index` of all images' output rows.
template <class T>
void make_row(const Plan& plan, const T* x, T* y, const Taps& down, const Taps& across,
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
  add_up(cache.rows, y + index * line, {cache.slots, down.weight + at, down.count[o], line, line});
}

template <class T>
void resize(Call& call, const Plan& plan) {
  const upsample::Axis &height = plan.image.height, &width = plan.image.width;
  const Taps across(call.scratch(), width.out, plan.taps_across);
  const Taps down(call.scratch() + Taps::bytes(width.out, plan.taps_across), height.out,
                  plan.taps_down);
  find_taps(width, plan.sampling, across);
  find_taps(height, plan.sampling, down);
  const T* x = call.in(0).as<T>();
  T* y = call.out().as<T>();
  const int64_t grain = std::max(kRows, kGrain / plan.line());
  parallel_ranges(plan.image.images * height.out, grain, [&](int64_t begin, int64_t end, int w) {
    Cache<T> cache(call.worker_scratch(w), plan);
    for (int64_t i = begin; i < end; ++i) make_row(plan, x, y, down, across, cache, i);
  });
}

template <Filter filter>
Code check(Call& call) {
  using namespace op::upsample_bilinear2d;
  const DType dtype = call.out().dtype;
  const bool single = dtype == DType::float32, fixed = dtype == DType::uint8;
  Plan plan = {{}, {filter, call.flag(antialias_), single, fixed}, 1, 1};
  if (Code code = upsample::read_image(call, plan.image); code != Code::ok) return code;
  if (call.out().numel == 0) return Code::ok;
  int64_t* taps[] = {&plan.taps_down, &plan.taps_across};
  upsample::Axis* axes[] = {&plan.image.height, &plan.image.width};
  int64_t bytes = 0;
  for (int i = 0; i < 2; ++i) {
    axes[i]->align_corners = call.flag(align_corners_);
    *taps[i] = most_taps(*axes[i], plan.sampling);
    WTW_CHECK(*taps[i] * axes[i]->out < upsample::kLimit);
    bytes += Taps::bytes(axes[i]->out, *taps[i]);
  }
  WTW_CHECK(plan.line() < upsample::kLimit && plan.line() * plan.taps_down < kMaxCache);
  call.memo<Plan>() = plan;
  call.need_scratch(bytes);
  call.need_worker_scratch(cache_bytes(plan, dtype));
  return Code::ok;
}

Code run(Call& call) {
  if (call.out().numel == 0) return Code::ok;
  const Plan plan = call.memo<Plan>();
  if (plan.sampling.single) {
    resize<float>(call, plan);
  } else if (plan.sampling.fixed) {
    resize<uint8_t>(call, plan);
  } else {
    resize<double>(call, plan);
  }
  return Code::ok;
}
}  // namespace

WTW_KERNEL(upsample_bilinear2d, check<Filter::linear>, run);
WTW_KERNEL(upsample_bicubic2d, check<Filter::cubic>, run);

}  // namespace wtw
