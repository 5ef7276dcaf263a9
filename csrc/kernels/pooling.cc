// The pooling operators: windows of an image with the channels innermost, (N, H, W, C) in memory.
//
// A window is a rectangle of rows of C numbers, and its result one such row. float32 is pooled in
// vectors; other floats, and indices, in float64.
#include "kernels/pooling.h"

#include <cmath>
#include <limits>

#include "core/convert.h"
#include "core/kernel.h"
#include "kernels/axis.h"
#include "kernels/rows.h"
#include "ops.h"

namespace wtw {
namespace {

using pooling::Window;
using simd::f32x4;

constexpr int64_t kChannels = 64;     // of a block in float64
constexpr int64_t kGrain = 64 << 10;  // elements read by a chunk

enum class Pool : uint8_t { max, index, average };

struct Plan {
  Pool pool;
  bool counts_padding = false;
  int64_t divisor = 0;  // of averages; 0: the number of elements
  int64_t channels = 0;
  pooling::Axis height = {}, width = {};

  double scale(const Window& h, const Window& w) const {
    if (h.count == 0 || w.count == 0) return 0;
    if (divisor != 0) return 1 / static_cast<double>(divisor);
    return 1 / static_cast<double>(counts_padding ? h.extent * w.extent : h.count * w.count);
  }
};

// f(pointer, y, x) for each pixel of a window; `item` is the size of an element in T.
template <class T, class F>
void for_pixels(const T* image, const Plan& plan, int64_t item, const Window& h, const Window& w,
                F&& f) {
  const int64_t pixel = plan.channels * item, line = plan.width.in * pixel;
  for (int64_t i = 0; i < h.count; ++i) {
    const int64_t y = h.start + i * h.step;
    const T* at = image + y * line + w.start * pixel;
    for (int64_t j = 0; j < w.count; ++j, at += w.step * pixel) f(at, y, w.start + j * w.step);
  }
}

// The largest of N vectors of channels; a NaN among them makes the result NaN.
template <int N>
struct Max {
  f32x4 best[N], nan[N];

  Max() {
    std::fill_n(best, N, simd::splat(-std::numeric_limits<float>::infinity()));
    std::fill_n(nan, N, simd::splat(0));
  }
  void add(int i, f32x4 v) {
    best[i] = simd::max_fast(best[i], v);
    nan[i] = wasm_v128_or(nan[i], wasm_f32x4_ne(v, v));
  }
  f32x4 result(int i) const { return wasm_v128_or(best[i], nan[i]); }
};

template <int N>
struct Sum {
  f32x4 total[N];

  Sum() { std::fill_n(total, N, simd::splat(0)); }
  void add(int i, f32x4 v) { total[i] = simd::add(total[i], v); }
  f32x4 result(int i) const { return total[i]; }
};

// One output pixel of a float32 image: max or sum, times `scale`.
template <template <int> class Pooled>
void pool_floats(const float* image, float* out, const Plan& plan, const Window& h, const Window& w,
                 float scale) {
  const f32x4 factor = simd::splat(scale);
  const auto vectors = [&]<int N>(int64_t c, Pooled<N> pooled) {
    for_pixels(image + c, plan, 1, h, w, [&](const float* at, int64_t, int64_t) {
      for (int i = 0; i < N; ++i) pooled.add(i, simd::load(at + 4 * i));
    });
    for (int i = 0; i < N; ++i) simd::store(out + c + 4 * i, simd::mul(pooled.result(i), factor));
  };
  int64_t c = 0;
  for (; c + 16 <= plan.channels; c += 16) vectors(c, Pooled<4>());
  for (; c + 4 <= plan.channels; c += 4) vectors(c, Pooled<1>());
  if (c == plan.channels) return;
  const int64_t rest = plan.channels - c;
  Pooled<1> pooled;
  for_pixels(image + c, plan, 1, h, w, [&](const float* at, int64_t, int64_t) {
    pooled.add(0, rows::load_part(at, rest, 0));
  });
  rows::store_part(out + c, simd::mul(pooled.result(0), factor), rest);
}

// A block of channels of one output pixel, in float64.
struct Block {
  double value[kChannels];
  int64_t index[kChannels];
};

// Later NaNs take the place of earlier ones, as in PyTorch.
void add_max(Block& block, const double* x, int64_t n, int64_t index) {
  for (int64_t c = 0; c < n; ++c) {
    if (!(x[c] > block.value[c]) && !std::isnan(x[c])) continue;
    block.value[c] = x[c];
    block.index[c] = index;
  }
}

void pool_block(const Tensor& x, int64_t offset, int64_t n, const Plan& plan, const Window& h,
                const Window& w, Block& block) {
  const bool sums = plan.pool == Pool::average;
  const int64_t item = size_of(x.dtype);
  std::fill_n(block.value, n, sums ? 0 : -std::numeric_limits<double>::infinity());
  std::fill_n(block.index, n, h.start * plan.width.in + w.start);
  const auto add = [&](const std::byte* at, int64_t row, int64_t column) {
    double values[kChannels];
    load_as(DType::float64, values, x.dtype, at, n);
    if (!sums) return add_max(block, values, n, row * plan.width.in + column);
    for (int64_t c = 0; c < n; ++c) block.value[c] += values[c];
  };
  for_pixels(x.data + offset * item, plan, item, h, w, add);
  const double scale = plan.scale(h, w);
  if (sums) std::for_each(block.value, block.value + n, [&](double& v) { v *= scale; });
}

// One output pixel of any dtype; `image` and `place` are offsets in x and y. Rare: small, not fast.
[[gnu::noinline, clang::minsize]] void pool_any(const Tensor& x, const Tensor& y, int64_t image,
                                                int64_t place, const Plan& plan, const Window& h,
                                                const Window& w) {
  for (int64_t c = 0; c < plan.channels; c += kChannels) {
    const int64_t n = std::min(kChannels, plan.channels - c);
    Block block;
    pool_block(x, image + c, n, plan, h, w, block);
    if (plan.pool == Pool::index) {
      std::copy_n(block.index, n, y.as<int64_t>() + place + c);
    } else {
      std::byte* to = y.data + (place + c) * size_of(y.dtype);
      store_as(y.dtype, to, DType::float64, block.value, n);
    }
  }
}

// Row `index` of all images' output rows.
void pool_row(const Tensor& x, const Tensor& y, const Plan& plan, int64_t index) {
  const int64_t size = plan.height.in * plan.width.in * plan.channels;
  const int64_t image = index / plan.height.out * size;
  const Window h = plan.height.window(index % plan.height.out);
  for (int64_t o = 0; o < plan.width.out; ++o) {
    const Window w = plan.width.window(o);
    const int64_t place = (index * plan.width.out + o) * plan.channels;
    if (x.dtype != DType::float32 || plan.pool == Pool::index) {
      pool_any(x, y, image, place, plan, h, w);
    } else if (plan.pool == Pool::max) {
      pool_floats<Max>(x.as<float>() + image, y.as<float>() + place, plan, h, w, 1);
    } else {
      const float scale = static_cast<float>(plan.scale(h, w));
      pool_floats<Sum>(x.as<float>() + image, y.as<float>() + place, plan, h, w, scale);
    }
  }
}

Code check_plan(Call& call, Plan plan, bool ceil_mode) {
  const Tensor &x = call.in(0), &y = call.out();
  WTW_CHECK(x.rank == 4 && y.rank == 4 && x.shape[0] == y.shape[0] && x.shape[1] == y.shape[1]);
  WTW_CHECK(y.dtype == (plan.pool == Pool::index ? DType::int64 : x.dtype));
  plan.channels = x.shape[1];
  plan.height.in = x.shape[2], plan.height.out = y.shape[2];
  plan.width.in = x.shape[3], plan.width.out = y.shape[3];
  for (const pooling::Axis& axis : {plan.height, plan.width}) {
    WTW_CHECK(axis.valid() && axis.consistent(ceil_mode));
  }
  call.memo<Plan>() = plan;
  return Code::ok;
}

// The attributes that max and average windows share; they come first in both rows.
Code read_window(Call& call, Plan& plan) {
  using namespace op::max_pool2d;
  const auto kernel = call.integers(kernel_size_), stride = call.integers(stride_),
             padding = call.integers(padding_);
  WTW_CHECK(kernel.size() == 2 && stride.size() == 2 && padding.size() == 2);
  for (int i = 0; i < 2; ++i) {
    pooling::Axis& axis = i == 0 ? plan.height : plan.width;
    WTW_CHECK(kernel[i] >= 1);
    axis.kernel = kernel[i], axis.stride = stride[i], axis.padding = padding[i];
  }
  return Code::ok;
}

template <Pool pool>
Code check_max(Call& call) {
  using namespace op::max_pool2d;
  Plan plan = {pool};
  if (Code code = read_window(call, plan); code != Code::ok) return code;
  const auto dilation = call.integers(dilation_);
  WTW_CHECK(dilation.size() == 2);
  plan.height.dilation = dilation[0], plan.width.dilation = dilation[1];
  return check_plan(call, plan, call.flag(ceil_mode_));
}

Code check_average(Call& call) {
  using namespace op::avg_pool2d;
  Plan plan = {Pool::average};
  if (Code code = read_window(call, plan); code != Code::ok) return code;
  plan.counts_padding = call.flag(count_include_pad_);
  plan.divisor = call.integer(divisor_override_);
  return check_plan(call, plan, call.flag(ceil_mode_));
}

template <Pool pool>
Code check_adaptive(Call& call) {
  const auto size = call.integers(op::adaptive_avg_pool2d::output_size_);
  WTW_CHECK(size.size() == 2 && call.out().rank == 4);
  WTW_CHECK(size[0] == call.out().shape[2] && size[1] == call.out().shape[3]);
  return check_plan(call, {pool}, false);
}

Code run(Call& call) {
  const Tensor &x = call.in(0), &y = call.out();
  if (y.numel == 0) return Code::ok;
  const Plan plan = call.memo<Plan>();
  const int64_t lines = y.shape[0] * plan.height.out;
  const int64_t window = plan.height.window(0).count * plan.width.window(0).count;
  const int64_t work = std::max<int64_t>(window, 1) * plan.width.out * plan.channels;
  parallel_ranges(lines, kGrain / work, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) pool_row(x, y, plan, i);
  });
  return Code::ok;
}
}  // namespace

WTW_KERNEL(max_pool2d, check_max<Pool::max>, run);
WTW_KERNEL(max_pool2d_indices, check_max<Pool::index>, run);
WTW_KERNEL(avg_pool2d, check_average, run);
WTW_KERNEL(adaptive_avg_pool2d, check_adaptive<Pool::average>, run);
WTW_KERNEL(adaptive_max_pool2d, check_adaptive<Pool::max>, run);
WTW_KERNEL(adaptive_max_pool2d_indices, check_adaptive<Pool::index>, run);

}  // namespace wtw
