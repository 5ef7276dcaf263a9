// conv2d: images (N, C, H, W), weights (O, KH, KW, C / groups) in; (N, O, OH, OW) out.
//
// A product of rows and panels: a row of the left side is the window of an output pixel, read in
// place, one tap for each kernel position (for each kernel row where the window is one run).
// Images with few channels, and images that are not channels-last, are first copied with their
// padding. Groups of 4 or 8 outputs are the panels of one product.
#include <cstring>

#include "kernels/conv.h"
#include "kernels/conv2d_image.h"
#include "kernels/gemm.h"

namespace wtw {
namespace {

using namespace gemm;
using conv::Geometry;
namespace op = op::conv2d;
static_assert(int{op::input_} == 0 && int{op::weight_} == 1);  // operands_of

constexpr int64_t kFewChannels = 16;  // taps this short cost more than a copy of the image

struct Memo {
  Geometry g;         // as the product sees it: without padding where the image is copied
  bool copied, runs;  // runs: a kernel row is one tap
  int64_t weights;    // floats of scratch for packed weights, then
  int64_t image;      // for the copied image or zeros that stand for padding

  int64_t taps() const { return runs ? g.y.kernel : g.y.kernel * g.x.kernel; }
  int64_t depth() const { return g.group_channels() * (runs ? g.x.kernel : 1); }
  int64_t k() const { return taps() * depth(); }
  bool groups_are_panels() const {
    return g.groups > 1 && (g.group_outputs() == 4 || g.group_outputs() == kPanel);
  }
  int64_t products() const { return groups_are_panels() ? 1 : g.groups; }
  // Floats between neighbouring pixels, and between groups of one pixel.
  int64_t pixel_step() const { return copied ? g.group_channels() : g.channels; }
  int64_t group_step() const {
    return g.group_channels() * (copied ? g.batch * g.y.in * g.x.in : 1);
  }
};

Blocking blocking_of(const Memo& memo) {
  const Geometry& g = memo.g;
  const int64_t panels = memo.groups_are_panels() ? g.groups : panels_of(g.group_outputs());
  return blocking(tiles_of(g.pixels()), panels, memo.k());
}

// Whether windows are pixels, one after the other.
bool is_pointwise(const Geometry& g) {
  const auto each = [](const conv::Axis& a) {
    return a.kernel == 1 && a.stride == 1 && !a.is_padded();
  };
  return each(g.y) && each(g.x);
}

// All lines of all images become one.
void join_lines(Geometry* g) {
  g->x.in = g->x.out = g->pixels();
  g->y.in = g->y.out = g->batch = 1;
}

Memo plan_of(const Geometry& g, const Tensor& input, bool packed) {
  Memo memo = {.g = g, .copied = false, .runs = false, .weights = 0, .image = 0};
  const bool may_run = g.x.dilation == 1 && g.x.kernel > 1;
  const bool short_taps = g.group_channels() < kFewChannels && (g.groups > 1 || g.x.is_padded());
  memo.copied = !input.channels_last() || (may_run && short_taps);
  if (memo.copied) {
    memo.image = conv::elements({g.batch, g.y.padded(), g.x.padded(), g.channels});
    for (conv::Axis* axis : {&memo.g.y, &memo.g.x}) {
      axis->in = axis->padded();
      axis->before = axis->after = 0;
    }
  }
  memo.runs = may_run && !memo.g.x.is_padded() && (memo.copied || g.groups == 1);
  // Zeros for a tap in every group.
  if (!memo.copied && (g.y.is_padded() || g.x.is_padded())) {
    memo.image = std::max(g.channels, memo.depth());
  }
  if (!memo.copied && is_pointwise(g)) join_lines(&memo.g);
  if (!packed) memo.weights = g.groups * packed_size(g.group_outputs(), memo.k());
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
  call.need_worker_scratch(memo.taps() * int64_t{sizeof(Tap)});
  return Code::ok;
}

// The top left corners of neighbouring output pixels' windows.
struct Corners {
  int64_t top[kMostRows], left[kMostRows], pixel[kMostRows];  // pixel: counted through all images

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
  conv::Operands data;
  const float* zeros;

  // Fills the taps that touch the image for output pixels [first, last), without padding for
  // tile_rows of them from `first` on; gives their number.
  int64_t fill(int64_t first, int64_t last, Tap* taps) const;
  // The end of the pixels whose windows are as far apart as those of the tile at `first`; 0 where
  // the image is padded, or where the tile may reach into the next line.
  int64_t reach(int64_t first) const;
  int64_t fill_inside(const Corners& at, Tap* taps) const;
};

// Every window lies in the image: each tap is at the same distance from all their corners.
int64_t Windows::fill_inside(const Corners& at, Tap* taps) const {
  const Geometry& g = memo.g;
  const int64_t step = memo.pixel_step(), columns = memo.runs ? 1 : g.x.kernel;
  const ptrdiff_t panel = memo.depth() * kPanel;
  const float* corner[kMostRows];
  const int rows = tile_rows;
  for (int r = 0; r < rows; ++r) corner[r] = data.image + at.pixel[r] * step;
  const float* weights = data.weights;
  for (int64_t ky = 0; ky < g.y.kernel; ++ky) {
    for (int64_t kx = 0; kx < columns; ++kx, ++taps, weights += panel) {
      const ptrdiff_t offset = (ky * g.y.dilation * g.x.in + kx * g.x.dilation) * step;
      for (int r = 0; r < rows; ++r) taps->row[r] = corner[r] + offset;
      taps->weights = weights;
    }
  }
  return memo.taps();
}

int64_t Windows::fill(int64_t first, int64_t last, Tap* taps) const {
  const Geometry& g = memo.g;
  // Inside, whole tiles: those that share the taps may have a row more than this one.
  const bool inside = !g.y.is_padded() && !g.x.is_padded();
  const int64_t columns = memo.runs ? 1 : g.x.kernel, count = inside ? tile_rows : last - first;
  const Corners at(g, first, count);
  if (inside) return fill_inside(at, taps);
  const auto within = [](int64_t i, int64_t n) {
    return static_cast<uint64_t>(i) < static_cast<uint64_t>(n);
  };
  Tap* tap = taps;
  for (int64_t ky = 0; ky < g.y.kernel; ++ky) {
    for (int64_t kx = 0; kx < columns; ++kx) {
      const int64_t down = ky * g.y.dilation, right = kx * g.x.dilation;
      bool touched = false;
      for (int64_t r = 0; r < count; ++r) {
        const bool met = within(at.top[r] + down, g.y.in) && within(at.left[r] + right, g.x.in);
        const int64_t pixel = at.pixel[r] + down * g.x.in + right;
        tap->row[r] = met ? data.image + pixel * memo.pixel_step() : zeros;
        touched |= met;
      }
      if (!touched) continue;
      tap->weights = data.weights + (ky * columns + kx) * memo.depth() * kPanel;
      ++tap;
    }
  }
  return tap - taps;
}

int64_t Windows::reach(int64_t first) const {
  const Geometry& g = memo.g;
  if (g.y.is_padded() || g.x.is_padded()) return 0;
  const int64_t end = (first / g.x.out + 1) * g.x.out;
  return first + tile_rows <= end ? end : 0;
}

void run_group(Call& call, const Blocking& cut, int64_t chunk, int worker, const Windows& windows,
               const Product& product) {
  const Geometry& g = windows.memo.g;
  const conv::Operands& data = windows.data;
  Tap* taps = reinterpret_cast<Tap*>(call.worker_scratch(worker));
  const Spread rows(g.pixels());
  const int64_t apart = g.x.stride * windows.memo.pixel_step();
  // The taps of output pixels from `origin` on serve all tiles up to `shared_end`.
  int64_t n_taps = 0, origin = 0, shared_end = 0;
  run_chunk(product, cut, chunk, [&](int64_t index) {
    const int64_t first = rows.first(index), last = rows.first(index + 1);
    if (last > shared_end) {
      n_taps = windows.fill(first, last, taps);
      origin = first;
      shared_end = windows.reach(first);
    }
    const int64_t at = first * g.out_channels;
    return Tile{.taps = taps,
                .n_taps = n_taps,
                .rows = last - first,
                .out = data.out + at,
                .stride = g.out_channels,
                .residual = data.residual ? data.residual + at : nullptr,
                .left = (first - origin) * apart};
  });
}

// What the product of one group is, or that of all of them.
Product product_of(const Memo& memo, const Epilogue& epilogue) {
  const Geometry& g = memo.g;
  Product product = {g.group_outputs(), memo.k(), memo.depth(), epilogue};
  if (memo.groups_are_panels()) {
    product.width = product.n;
    product.n = g.out_channels;
    product.left_step = memo.group_step();
  }
  return product;
}

Code run(Call& call) {
  const Tensor &x = call.in(op::input_), &w = call.in(op::weight_);
  if (call.out().numel == 0) return Code::ok;
  const Memo& memo = call.memo<Memo>();
  const Geometry& g = memo.g;
  const int64_t n = g.group_outputs(), k = memo.k();
  float* scratch = reinterpret_cast<float*>(call.scratch());
  float* image = scratch + memo.weights;
  if (memo.weights > 0) {
    pack(g.groups, n, k, scratch,
         [&](int64_t group) { return Matrix{w.as<float>() + group * n * k, k, 1}; });
  }
  if (memo.copied) {
    const auto padding = call.integers(op::padding_);
    conv::copy_padded(g, x, padding[0], padding[1], image);
  } else {
    std::memset(image, 0, memo.image * sizeof(float));
  }
  conv::Operands all = conv::operands_of(call, op::residual_);
  if (memo.copied) all.image = image;
  if (memo.weights > 0) all.weights = scratch;
  const Epilogue epilogue = epilogue_of(call, op::bias_, op::activation_, op::low_, op::high_);
  const Blocking cut = blocking_of(memo);
  pool::parallel(memo.products() * cut.chunks(), [&](int64_t chunk, int worker) {
    const int64_t group = chunk / cut.chunks(), column = group * n;
    const conv::Operands data = {.image = all.image + group * memo.group_step(),
                                 .weights = all.weights + group * packed_size(n, k),
                                 .out = all.out + column,
                                 .residual = all.residual ? all.residual + column : nullptr};
    Product product = product_of(memo, epilogue);
    if (epilogue.bias) product.epilogue.bias += column;
    run_group(call, cut, chunk % cut.chunks(), worker, {memo, data, image}, product);
  });
  return Code::ok;
}

}  // namespace

WTW_KERNEL(conv2d, check, run);

}  // namespace wtw
