// The pooling operators: windows of an image with the channels innermost, (N, D, H, W, C) in
// memory; two-dimensional images have depth 1.
//
// A window is a box of rows of C numbers, and its result one such row. float32 is pooled in
// vectors; other floats, and their indices, in float64, integers as int64.
#include "kernels/pooling.h"

#include <limits>
#include <type_traits>

#include "core/convert.h"
#include "core/kernel.h"
#include "kernels/axis.h"
#include "kernels/rows.h"
#include "ops.h"

namespace wtw {
namespace {

using pooling::Window;
using simd::f32x4;

constexpr int64_t kChannels = 64;     // of a block in float64 or int64
constexpr int64_t kGrain = 64 << 10;  // elements read by a chunk

enum class Pool : uint8_t { max, index, average };

struct Box {
  Window depth, height, width;

  int64_t count() const { return depth.count * height.count * width.count; }
  int64_t extent() const { return depth.extent * height.extent * width.extent; }
};

struct Plan {
  Pool pool;
  bool counts_padding = false;
  int64_t divisor = 0;  // of averages; 0: the number of elements
  int64_t channels = 0;
  pooling::Axis depth = {.in = 1, .out = 1, .kernel = 1}, height = {}, width = {};

  int64_t lines() const { return depth.out * height.out; }  // output rows of an image
  int64_t divisor_of(const Box& box) const {
    if (divisor != 0) return divisor;
    return counts_padding ? box.extent() : box.count();
  }
  double scale(const Box& box) const {
    return box.count() == 0 ? 0 : 1 / static_cast<double>(divisor_of(box));
  }
};

// f(pointer, index) for each pixel of a window, `index` counting the pixels of the image; `item` is
// the size of an element in T.
template <class T, class F>
void for_pixels(const T* image, const Plan& plan, int64_t item, const Box& box, F&& f) {
  const auto& [d, h, w] = box;
  const int64_t pixel = plan.channels * item, width = plan.width.in;
  for (int64_t i = 0; i < d.count; ++i) {
    const int64_t plane = (d.start + i * d.step) * plan.height.in + h.start;
    for (int64_t j = 0; j < h.count; ++j) {
      int64_t index = (plane + j * h.step) * width + w.start;
      const T* at = image + index * pixel;
      for (int64_t k = 0; k < w.count; ++k, index += w.step, at += w.step * pixel) f(at, index);
    }
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
void pool_floats(const float* image, float* out, const Plan& plan, const Box& box, float scale) {
  const f32x4 factor = simd::splat(scale);
  const auto vectors = [&]<int N>(int64_t c, Pooled<N> pooled) {
    for_pixels(image + c, plan, 1, box, [&](const float* at, int64_t) {
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
  for_pixels(image + c, plan, 1, box,
             [&](const float* at, int64_t) { pooled.add(0, rows::load_part(at, rest, 0)); });
  rows::store_part(out + c, simd::mul(pooled.result(0), factor), rest);
}

// One output pixel of bytes: their max.
void pool_bytes(const uint8_t* image, uint8_t* out, const Plan& plan, const Box& box) {
  constexpr int64_t kLanes = 16;
  int64_t c = 0;
  for (; c + kLanes <= plan.channels; c += kLanes) {
    v128_t most = wasm_i8x16_splat(0);
    for_pixels(image + c, plan, 1, box, [&](const uint8_t* at, int64_t) {
      most = wasm_u8x16_max(most, wasm_v128_load(at));
    });
    wasm_v128_store(out + c, most);
  }
  for (; c < plan.channels; ++c) {
    uint8_t most = 0;
    for_pixels(image + c, plan, 1, box,
               [&](const uint8_t* at, int64_t) { most = std::max(most, *at); });
    out[c] = most;
  }
}

// A block of channels of one output pixel, in the compute type T.
template <class T>
struct Block {
  T value[kChannels];
  int64_t index[kChannels];
};

// Later NaNs take the place of earlier ones, as in PyTorch.
template <class T>
void add_max(Block<T>& block, const T* x, int64_t n, int64_t index) {
  for (int64_t c = 0; c < n; ++c) {
    if (!(x[c] > block.value[c]) && x[c] == x[c]) continue;
    block.value[c] = x[c];
    block.index[c] = index;
  }
}

constexpr DType compute_type(double) { return DType::float64; }
constexpr DType compute_type(int64_t) { return DType::int64; }

template <class T>
constexpr T kLowest = std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity()
                                                           : std::numeric_limits<T>::lowest();

// Sums of int64 wrap, and their means are cut to an integer, as in PyTorch.
void divide(Block<double>& block, int64_t n, const Plan& plan, const Box& box) {
  const double scale = plan.scale(box);
  for (int64_t c = 0; c < n; ++c) block.value[c] *= scale;
}
void divide(Block<int64_t>& block, int64_t n, const Plan& plan, const Box& box) {
  const int64_t divisor = box.count() == 0 ? 1 : plan.divisor_of(box);
  for (int64_t c = 0; c < n; ++c) {
    int64_t& v = block.value[c];
    v = divisor == -1 ? static_cast<int64_t>(-static_cast<uint64_t>(v)) : v / divisor;
  }
}

template <class T>
void pool_block(const Tensor& x, int64_t offset, int64_t n, const Plan& plan, const Box& box,
                Block<T>& block) {
  const bool sums = plan.pool == Pool::average;
  const int64_t item = size_of(x.dtype);
  const int64_t first = box.depth.start * plan.height.in + box.height.start;
  std::fill_n(block.value, n, sums ? T(0) : kLowest<T>);
  std::fill_n(block.index, n, first * plan.width.in + box.width.start);
  for_pixels(x.data + offset * item, plan, item, box, [&](const std::byte* at, int64_t index) {
    T values[kChannels];
    load_as(compute_type(T()), values, x.dtype, at, n);
    if (!sums) return add_max(block, values, n, index);
    for (int64_t c = 0; c < n; ++c) {
      if constexpr (std::is_integral_v<T>) {
        __builtin_add_overflow(block.value[c], values[c], &block.value[c]);
      } else {
        block.value[c] += values[c];
      }
    }
  });
  if (sums) divide(block, n, plan, box);
}

// One output pixel of any dtype; `image` and `place` are offsets in x and y. Rare: small, not fast.
template <class T>
[[gnu::noinline, clang::minsize]] void pool_any(const Tensor& x, const Tensor& y, int64_t image,
                                                int64_t place, const Plan& plan, const Box& box) {
  for (int64_t c = 0; c < plan.channels; c += kChannels) {
    const int64_t n = std::min(kChannels, plan.channels - c);
    Block<T> block;
    pool_block(x, image + c, n, plan, box, block);
    if (plan.pool == Pool::index) {
      std::copy_n(block.index, n, y.as<int64_t>() + place + c);
    } else {
      std::byte* to = y.data + (place + c) * size_of(y.dtype);
      store_as(y.dtype, to, compute_type(T()), block.value, n);
    }
  }
}

// Row `index` of all images' output rows.
void pool_row(const Tensor& x, const Tensor& y, const Plan& plan, int64_t index) {
  const int64_t size = plan.depth.in * plan.height.in * plan.width.in * plan.channels;
  const int64_t image = index / plan.lines() * size;
  Box box = {plan.depth.window(index / plan.height.out % plan.depth.out),
             plan.height.window(index % plan.height.out),
             {}};
  for (int64_t o = 0; o < plan.width.out; ++o) {
    box.width = plan.width.window(o);
    const int64_t place = (index * plan.width.out + o) * plan.channels;
    if (x.dtype == DType::uint8 && plan.pool == Pool::max) {
      pool_bytes(x.as<uint8_t>() + image, y.as<uint8_t>() + place, plan, box);
    } else if (!is_floating(x.dtype)) {
      pool_any<int64_t>(x, y, image, place, plan, box);
    } else if (x.dtype != DType::float32 || plan.pool == Pool::index) {
      pool_any<double>(x, y, image, place, plan, box);
    } else if (plan.pool == Pool::max) {
      pool_floats<Max>(x.as<float>() + image, y.as<float>() + place, plan, box, 1);
    } else {
      const float scale = static_cast<float>(plan.scale(box));
      pool_floats<Sum>(x.as<float>() + image, y.as<float>() + place, plan, box, scale);
    }
  }
}

// Axis i of the n that the attributes list, and that x and y have after batch and channels.
pooling::Axis& axis_of(Plan& plan, size_t i, size_t n) {
  pooling::Axis* const axes[] = {&plan.depth, &plan.height, &plan.width};
  return *axes[3 - n + i];
}

Code check_plan(Call& call, Plan plan, size_t n, bool ceil_mode) {
  const Tensor &x = call.in(0), &y = call.out();
  WTW_CHECK(x.rank == static_cast<int>(n) + 2 && y.rank == x.rank);
  WTW_CHECK(x.shape[0] == y.shape[0] && x.shape[1] == y.shape[1]);
  WTW_CHECK(y.dtype == (plan.pool == Pool::index ? DType::int64 : x.dtype));
  plan.channels = x.shape[1];
  for (size_t i = 0; i < n; ++i) {
    pooling::Axis& axis = axis_of(plan, i, n);
    axis.in = x.shape[2 + i], axis.out = y.shape[2 + i];
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
  const size_t n = kernel.size();
  WTW_CHECK((n == 2 || n == 3) && stride.size() == n && padding.size() == n);
  int64_t elements = 1;
  for (size_t i = 0; i < n; ++i) {
    pooling::Axis& axis = axis_of(plan, i, n);
    WTW_CHECK(kernel[i] >= 1 && !__builtin_mul_overflow(elements, kernel[i], &elements));
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
  const size_t n = call.integers(kernel_size_).size();
  WTW_CHECK(dilation.size() == n);
  for (size_t i = 0; i < n; ++i) axis_of(plan, i, n).dilation = dilation[i];
  return check_plan(call, plan, n, call.flag(ceil_mode_));
}

Code check_average(Call& call) {
  using namespace op::avg_pool2d;
  Plan plan = {Pool::average};
  if (Code code = read_window(call, plan); code != Code::ok) return code;
  plan.counts_padding = call.flag(count_include_pad_);
  plan.divisor = call.integer(divisor_override_);
  return check_plan(call, plan, call.integers(kernel_size_).size(), call.flag(ceil_mode_));
}

template <Pool pool>
Code check_adaptive(Call& call) {
  const auto size = call.integers(op::adaptive_avg_pool2d::output_size_);
  const size_t n = size.size();
  WTW_CHECK((n == 2 || n == 3) && call.out().rank == static_cast<int>(n) + 2);
  for (size_t i = 0; i < n; ++i) WTW_CHECK(size[i] == call.out().shape[2 + i]);
  Plan plan = {pool};
  if (n == 3) plan.depth.kernel = 0;
  return check_plan(call, plan, n, false);
}

Code run(Call& call) {
  const Tensor &x = call.in(0), &y = call.out();
  if (y.numel == 0) return Code::ok;
  const Plan plan = call.memo<Plan>();
  const Box box = {plan.depth.window(0), plan.height.window(0), plan.width.window(0)};
  const int64_t work = std::max<int64_t>(box.count(), 1) * plan.width.out * plan.channels;
  parallel_ranges(y.shape[0] * plan.lines(), kGrain / work, [&](int64_t begin, int64_t end, int) {
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
WTW_KERNEL(max_pool3d, check_max<Pool::max>, run);
WTW_KERNEL(max_pool3d_indices, check_max<Pool::index>, run);
WTW_KERNEL(avg_pool3d, check_average, run);
WTW_KERNEL(adaptive_avg_pool3d, check_adaptive<Pool::average>, run);
WTW_KERNEL(adaptive_max_pool3d, check_adaptive<Pool::max>, run);
WTW_KERNEL(adaptive_max_pool3d_indices, check_adaptive<Pool::index>, run);

}  // namespace wtw
