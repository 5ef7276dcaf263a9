// conv2d: images (N, C, H, W), weights (O, KH, KW, C / groups) in; (N, O, OH, OW) out.
//
// A product of rows and panels: a row of the left side is the window of an output pixel, read in
// place, one tap for each kernel position (for each kernel row where the window is one run).
// Images with few channels, and images that are not channels-last, are first copied with their
// padding.
#include <cstring>

#include "kernels/conv.h"
#include "kernels/gemm.h"
#include "kernels/strided_copy.h"

namespace wtw {
namespace {

using namespace gemm;
using conv::Geometry;
namespace op = op::conv2d;

constexpr int64_t kFewChannels = 16;  // taps this short cost more than a copy of the image

struct Memo {
  Geometry g;         // as the product sees it: without padding where the image is copied
  bool copied, runs;  // runs: a kernel row is one tap
  int64_t weights;    // floats of scratch for packed weights, then
  int64_t image;      // for the copied image or zeros that stand for padding

  int64_t taps() const { return runs ? g.y.kernel : g.y.kernel * g.x.kernel; }
  int64_t depth() const { return g.group_channels() * (runs ? g.x.kernel : 1); }
};

Blocking blocking_of(const Memo& memo) {
  return blocking(tiles_of(memo.g.pixels()), memo.g.group_outputs(), memo.taps() * memo.depth());
}

Memo plan_of(const Geometry& g, const Tensor& input, bool packed) {
  Memo memo = {.g = g, .copied = false, .runs = false, .weights = 0, .image = 0};
  const bool may_run = g.groups == 1 && g.x.dilation == 1;
  const bool short_taps = may_run && g.x.is_padded() && g.channels < kFewChannels;
  memo.copied = !input.channels_last() || short_taps;
  if (memo.copied) {
    memo.image = conv::elements({g.batch, g.y.padded(), g.x.padded(), g.channels});
    for (conv::Axis* axis : {&memo.g.y, &memo.g.x}) {
      axis->in = axis->padded();
      axis->before = axis->after = 0;
    }
  }
  memo.runs = may_run && !memo.g.x.is_padded();
  if (!memo.copied && (g.y.is_padded() || g.x.is_padded())) memo.image = memo.depth();
  if (!packed) memo.weights = g.groups * packed_size(g.group_outputs(), memo.taps() * memo.depth());
  return memo;
}

Code check(Call& call) {
  const Tensor &x = call.in(op::input_), &w = call.in(op::weight_), &y = call.out();
  const bool packed = w.layout == Layout::panel8;
  Geometry g;
  WTW_CHECK(w.rank == 4);
  WTW_CHECK(conv::read(
      x, y, {call.integers(op::stride_), call.integers(op::padding_), call.integers(op::dilation_)},
      w.size(1), w.size(2), call.integer(op::groups_), &g));
  WTW_CHECK(w.size(0) == g.out_channels && w.size(3) == g.group_channels());
  WTW_CHECK(!packed || w.groups == g.groups);
  WTW_CHECK(conv::output_fits(g) && conv::bias_fits(call, op::bias_, g.out_channels));
  if (call.has(op::residual_)) WTW_CHECK(same_shape(call.in(op::residual_), y));
  if (y.numel == 0) return Code::ok;
  WTW_CHECK(w.numel > 0);
  const Memo& memo = call.memo<Memo>() = plan_of(g, x, packed);
  WTW_CHECK(memo.image >= 0);
  call.need_scratch((memo.weights + memo.image) * int64_t{sizeof(float)});
  call.need_worker_scratch(blocking_of(memo).live_tiles() * memo.taps() * int64_t{sizeof(Tap)});
  return Code::ok;
}

// The image with its padding, channels innermost.
void copy_image(const Geometry& g, const Tensor& input, const Call& call, float* to) {
  const auto padding = call.integers(op::padding_);
  const int64_t row = g.x.in * g.channels;
  if (g.y.in != input.shape[2] || g.x.in != input.shape[3]) {
    std::memset(to, 0, g.batch * g.y.in * row * sizeof(float));
  }
  Tensor inside = input;
  inside.data = reinterpret_cast<std::byte*>(to + padding[0] * row + padding[1] * g.channels);
  const int64_t strides[4] = {g.y.in * row, 1, row, g.channels};
  std::copy(strides, strides + 4, inside.stride);
  copy_tensor(inside, input);
}

// The top left corners of neighbouring output pixels' windows.
struct Corners {
  int64_t top[kRows], left[kRows], pixel[kRows];  // pixel: counted through all images

  Corners(const Geometry& g, int64_t first, int64_t count) {
    int64_t x = first % g.x.out, y = first / g.x.out % g.y.out, n = first / g.x.out / g.y.out;
    for (int64_t r = 0; r < count; ++r) {
      top[r] = y * g.y.stride - g.y.before;
      left[r] = x * g.x.stride - g.x.before;
      pixel[r] = (n * g.y.in + top[r]) * g.x.in + left[r];
      if (++x < g.x.out) continue;
      x = 0;
      if (++y < g.y.out) continue;
      y = 0;
      ++n;
    }
  }
};

// One group of the convolution.
struct Windows {
  const Memo& memo;
  const float* image;  // channel 0 of the group
  const float* zeros;
  const float* panels;
  float* out;
  const float* residual;

  // Fills the taps that touch the image for output pixels [first, last); gives their number.
  int64_t fill(int64_t first, int64_t last, Tap* taps) const;
};

int64_t Windows::fill(int64_t first, int64_t last, Tap* taps) const {
  const Geometry& g = memo.g;
  const Corners at(g, first, last - first);
  const bool padded = g.y.is_padded() || g.x.is_padded();
  const int64_t columns = memo.runs ? 1 : g.x.kernel, count = last - first;
  const auto within = [](int64_t i, int64_t n) {
    return static_cast<uint64_t>(i) < static_cast<uint64_t>(n);
  };
  Tap* tap = taps;
  for (int64_t ky = 0; ky < g.y.kernel; ++ky) {
    for (int64_t kx = 0; kx < columns; ++kx) {
      const int64_t down = ky * g.y.dilation, right = kx * g.x.dilation;
      bool touched = false;
      for (int64_t r = 0; r < count; ++r) {
        const bool inside =
            !padded || (within(at.top[r] + down, g.y.in) && within(at.left[r] + right, g.x.in));
        const int64_t pixel = at.pixel[r] + down * g.x.in + right;
        tap->row[r] = inside ? image + pixel * g.channels : zeros;
        touched |= inside;
      }
      if (!touched) continue;
      tap->weights = panels + (ky * columns + kx) * memo.depth() * kPanel;
      ++tap;
    }
  }
  return tap - taps;
}

void run_group(Call& call, const Blocking& cut, int64_t chunk, int worker, const Windows& windows,
               const Product& product) {
  const Geometry& g = windows.memo.g;
  Tap* taps = reinterpret_cast<Tap*>(call.worker_scratch(worker));
  run_chunk(product, cut, chunk, taps, windows.memo.taps(), [&](int64_t index, Tap* own) {
    const int64_t first = first_row(index, g.pixels()), last = first_row(index + 1, g.pixels());
    const int64_t at = first * g.out_channels;
    return Tile{.taps = own,
                .n_taps = windows.fill(first, last, own),
                .rows = last - first,
                .out = windows.out + at,
                .stride = g.out_channels,
                .residual = windows.residual ? windows.residual + at : nullptr};
  });
}

Code run(Call& call) {
  const Tensor &x = call.in(op::input_), &w = call.in(op::weight_), &y = call.out();
  if (y.numel == 0) return Code::ok;
  const Memo& memo = call.memo<Memo>();
  const Geometry& g = memo.g;
  const int64_t n = g.group_outputs(), k = memo.taps() * memo.depth();
  float* scratch = reinterpret_cast<float*>(call.scratch());
  float* image = scratch + memo.weights;
  if (memo.weights > 0) {
    pack(g.groups, n, k, scratch,
         [&](int64_t group) { return Matrix{w.as<float>() + group * n * k, k, 1}; });
  }
  if (memo.copied) {
    copy_image(g, x, call, image);
  } else {
    std::memset(image, 0, memo.image * sizeof(float));
  }
  const Epilogue all = epilogue_of(call, op::bias_, op::activation_, op::low_, op::high_);
  const float* residual = call.has(op::residual_) ? call.in(op::residual_).as<float>() : nullptr;
  const Blocking cut = blocking_of(memo);
  pool::parallel(g.groups * cut.chunks(), [&](int64_t chunk, int worker) {
    const int64_t group = chunk / cut.chunks(), column = group * n;
    const Windows windows = {
        .memo = memo,
        .image = (memo.copied ? image : x.as<float>()) + group * g.group_channels(),
        .zeros = image,
        .panels = (memo.weights > 0 ? scratch : w.as<float>()) + group * packed_size(n, k),
        .out = y.as<float>() + column,
        .residual = residual ? residual + column : nullptr};
    Product product = {n, k, memo.depth(), all};
    if (all.bias) product.epilogue.bias += column;
    run_group(call, cut, chunk % cut.chunks(), worker, windows, product);
  });
  return Code::ok;
}

}  // namespace

WTW_KERNEL(conv2d, check, run);

}  // namespace wtw
