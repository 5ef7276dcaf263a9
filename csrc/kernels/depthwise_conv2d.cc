// depthwise_conv2d: images (N, C, H, W), weights (KH, KW, C) in; (N, C, OH, OW) out.
#include <algorithm>

#include "core/vmath.h"
#include "kernels/conv.h"
#include "kernels/depthwise.h"
#include "kernels/gemm.h"
#include "kernels/rows.h"

namespace wtw {
namespace {

using conv::Geometry;
using depthwise::kPixels;
using depthwise::Tile;
namespace op = op::depthwise_conv2d;
static_assert(int{op::input_} == 0 && int{op::weight_} == 1);  // operands_of

constexpr int64_t kChunkFlops = 250'000;
constexpr int64_t kBand = 4;  // output rows that are worked on side by side

Code check(Call& call) {
  const Tensor &x = call.in(op::input_), &w = call.in(op::weight_), &y = call.out();
  Geometry& g = call.memo<Geometry>();
  WTW_CHECK(w.rank == 3);
  WTW_CHECK(conv::read(
      x, y, {call.integers(op::stride_), call.integers(op::padding_), call.integers(op::dilation_)},
      w.size(0), w.size(1), 1, &g));
  WTW_CHECK(w.size(2) == g.channels && g.out_channels == g.channels);
  WTW_CHECK(conv::output_fits(g) && conv::bias_fits(call, op::bias_, g.channels));
  if (call.has(op::residual_)) WTW_CHECK(same_shape(call.in(op::residual_), y));
  return Code::ok;
}

struct Work {
  const Geometry& g;
  conv::Operands data;
  Epilogue epilogue;
  Clamp bounds;
  bool activates;  // with more than a clamp
};

// Kernel rows or columns [first, last) that meet the image when the window begins at `at`.
struct Taps {
  int64_t first, last;

  Taps(const conv::Axis& a, int64_t at)
      : first(std::min(ceil_div(std::max<int64_t>(-at, 0), a.dilation), a.kernel)),
        last(std::clamp(ceil_div(a.in - at, a.dilation), first, a.kernel)) {}
};

// Where an output row finds its input, at kernel row `rows.first`.
Tile row_tile(const Work& o, int64_t line) {
  const Geometry& g = o.g;
  const int64_t top = line % g.y.out * g.y.stride - g.y.before;
  const Taps rows(g.y, top);
  const int64_t row = line / g.y.out * g.y.in + top + rows.first * g.y.dilation;
  const int64_t at = line * g.x.out * g.channels;
  return {.image = o.data.image + (rows.last > rows.first ? row * g.x.in * g.channels : 0),
          .row_step = g.y.dilation * g.x.in * g.channels,
          .pixel_step = g.x.dilation * g.channels,
          .first = 0,
          .last = 0,
          .weights = o.data.weights + rows.first * g.x.kernel * g.channels,
          .rows = rows.last - rows.first,
          .channels = g.channels,
          .bias = o.epilogue.bias,
          .out = o.data.out + at,
          .residual = o.data.residual ? o.data.residual + at : nullptr,
          .out_step = g.x.dilation * g.channels,
          .count = 0,
          .bounds = o.bounds};
}

// Where the window of output pixel x begins in a row, and which pixels of a tile from there on are
// in the image.
struct Columns {
  int64_t left, first, last;

  Columns(const conv::Axis& a, int64_t x) : left(x * a.stride - a.before), first(0), last(0) {
    const int64_t reach = depthwise::reach(a.kernel, a.stride);
    first = std::min(ceil_div(std::max<int64_t>(-left, 0), a.dilation), reach);
    last = std::clamp(ceil_div(a.in - left, a.dilation), first, reach);
  }
};

// Output pixels x, x + dilation ... of a row: with stride 1 their inputs are as far apart.
Tile tile_at(Tile row, const Columns& columns, int64_t x, int64_t count) {
  row.image += columns.left * row.channels;
  row.first = columns.first;
  row.last = columns.last;
  row.out += x * row.channels;
  if (row.residual) row.residual += x * row.channels;
  row.count = count;
  return row;
}

// Calls f(x, count) for every tile of a row; where a row has 7 pixels or more, the last tile of a
// residue class overlaps the one before.
template <class F>
void for_tiles(const conv::Axis& x, F&& f) {
  for (int64_t phase = 0; phase < std::min(x.dilation, x.out); ++phase) {
    const int64_t pixels = ceil_div(x.out - phase, x.dilation);
    for (int64_t next = 0; next < pixels; next += kPixels) {
      const int64_t j = std::max<int64_t>(std::min(next, pixels - kPixels), 0);
      f(phase + j * x.dilation, std::min<int64_t>(pixels - j, kPixels));
    }
  }
}

// Activates what a tile has written, while it is near; dilated pixels lie apart.
void activate(const Tile& tile, const Epilogue& epilogue) {
  const int64_t runs = tile.out_step == tile.channels ? 1 : tile.count;
  const int64_t length = tile.channels * tile.count / runs;
  for (int64_t i = 0; i < runs; ++i) {
    apply_activation(tile.out + i * tile.out_step, length, epilogue);
  }
}

// Output rows [begin, end) of all images, in bands: the input rows that those of a band share are
// read from the nearest cache.
void run_rows(depthwise::Run run, const Work& o, int64_t begin, int64_t end) {
  for (int64_t top = begin; top < end; top += kBand) {
    const int64_t rows = std::min(end - top, kBand);
    Tile row[kBand];
    for (int64_t i = 0; i < rows; ++i) row[i] = row_tile(o, top + i);
    for_tiles(o.g.x, [&](int64_t x, int64_t count) {
      const Columns columns(o.g.x, x);
      for (int64_t i = 0; i < rows; ++i) {
        const Tile tile = tile_at(row[i], columns, x, count);
        run(tile);
        if (o.activates) activate(tile, o.epilogue);
      }
    });
  }
}

// Four channels (or the last fewer) from c on of N output pixels from x on, all of which see the
// same columns of the kernel.
template <int N>
void run_pixels(const Work& o, const Tile& row, int64_t x, const Taps& columns, int64_t c) {
  const conv::Axis& a = o.g.x;
  const int64_t channels = o.g.channels, step = a.stride * channels;
  const int64_t lanes = std::min<int64_t>(channels - c, depthwise::kLanes);
  const auto load = [lanes](const float* p) {
    return lanes == depthwise::kLanes ? simd::load(p) : rows::load_part(p, lanes, 0);
  };
  simd::f32x4 acc[N];
  std::fill_n(acc, N, row.bias ? load(row.bias + c) : simd::splat(0));
  const float* image = row.image + (x * a.stride - a.before) * channels + c;
  for (int64_t ky = 0; ky < row.rows; ++ky) {
    for (int64_t kx = columns.first; kx < columns.last; ++kx) {
      const float* pixel = image + ky * row.row_step + kx * row.pixel_step;
      const simd::f32x4 w = load(row.weights + (ky * a.kernel + kx) * channels + c);
      for (int j = 0; j < N; ++j) acc[j] = simd::madd(load(pixel + j * step), w, acc[j]);
    }
  }
  for (int j = 0; j < N; ++j) {
    const int64_t at = (x + j) * channels + c;
    if (row.residual) acc[j] = simd::add(acc[j], load(row.residual + at));
    acc[j] = simd::clamp(acc[j], simd::splat(o.bounds.low), simd::splat(o.bounds.high));
    lanes == depthwise::kLanes ? simd::store(row.out + at, acc[j])
                               : rows::store_part(row.out + at, acc[j], lanes);
  }
}

// Any kernel width, stride and dilation: several pixels at a time where none of them sees padding.
void run_row(const Work& o, int64_t line) {
  const conv::Axis& a = o.g.x;
  const Tile row = row_tile(o, line);
  const auto columns_of = [&a](int64_t x) { return Taps(a, x * a.stride - a.before); };
  const auto whole = [&a](const Taps& k) { return k.first == 0 && k.last == a.kernel; };
  for (int64_t x = 0; x < a.out;) {
    const Taps columns = columns_of(x);
    const bool several =
        x + kPixels <= a.out && whole(columns) && whole(columns_of(x + kPixels - 1));
    const auto pixels = several ? run_pixels<kPixels> : run_pixels<1>;
    for (int64_t c = 0; c < o.g.channels; c += depthwise::kLanes) pixels(o, row, x, columns, c);
    x += several ? kPixels : 1;
  }
  if (o.activates) apply_activation(row.out, a.out * o.g.channels, o.epilogue);
}

Code run(Call& call) {
  if (call.out().numel == 0) return Code::ok;
  const Geometry& g = call.memo<Geometry>();
  const Epilogue epilogue = epilogue_of(call, op::bias_, op::activation_, op::low_, op::high_);
  const Work o = {.g = g,
                  .data = conv::operands_of(call, op::residual_),
                  .epilogue = epilogue,
                  .bounds = clamp_of(epilogue),
                  .activates = wtw::activates(epilogue)};
  const bool fits = g.channels >= depthwise::kLanes && (g.x.stride == 1 || g.x.dilation == 1);
  const auto specialised = fits ? depthwise::specialised(g.x.kernel, g.x.stride) : nullptr;
  const int64_t lines = g.batch * g.y.out;
  const int64_t flops = 2 * g.x.out * g.channels * g.y.kernel * g.x.kernel;
  const int64_t block = std::max<int64_t>(kChunkFlops / flops, 1);
  pool::parallel(ceil_div(lines, block), [&](int64_t chunk, int) {
    const int64_t first = chunk * block, last = std::min(first + block, lines);
    if (specialised) {
      run_rows(specialised, o, first, last);
    } else {
      for (int64_t line = first; line < last; ++line) run_row(o, line);
    }
  });
  return Code::ok;
}

}  // namespace

WTW_KERNEL(depthwise_conv2d, check, run);

}  // namespace wtw
