// conv_transpose2d: images (N, C, H, W), weights (O, KH, KW, C / groups) in; (N, O, OH, OW) out.
//
// Output pixels whose positions agree modulo the stride meet the same kernel positions: for each
// such phase this is a product of rows and panels with its own choice of taps. Every output
// pixel is written once: no sums are scattered.
#include <cstring>

#include "kernels/conv.h"
#include "kernels/gemm.h"

namespace wtw {
namespace {

using namespace gemm;
using conv::Axis;
using conv::Geometry;
namespace op = op::conv_transpose2d;
static_assert(int{op::input_} == 0 && int{op::weight_} == 1);  // operands_of

struct Memo {
  Geometry g;
  int64_t weights;    // floats of scratch for packed weights; zeros for padding follow
  int64_t row_tiles;  // tiles of a row of the output

  int64_t taps() const { return g.y.kernel * g.x.kernel; }
  int64_t tiles() const { return g.batch * g.y.out * row_tiles; }
};

// The phases of an output row: `longer` of them have one pixel more than the others.
struct RowPhases {
  int64_t pixels, longer;

  explicit RowPhases(const Axis& x) : pixels(x.out / x.stride), longer(x.out % x.stride) {}
  int64_t longer_tiles() const { return longer * tiles_of(pixels + 1); }
  int64_t tiles(const Axis& x) const {
    return longer_tiles() + (x.stride - longer) * tiles_of(pixels);
  }
};

Blocking blocking_of(const Memo& memo) {
  const Geometry& g = memo.g;
  return blocking(memo.tiles(), panels_of(g.group_outputs()), memo.taps() * g.group_channels());
}

bool axis_fits(const Axis& a, int64_t output_padding) {
  if (output_padding < 0 || output_padding > conv::kMaxSize || a.in < 1) return false;
  return a.out == (a.in - 1) * a.stride - a.before - a.after + a.extent() + output_padding;
}

Code check(Call& call) {
  const Tensor &x = call.in(op::input_), &w = call.in(op::weight_), &y = call.out();
  const bool packed = w.layout == Layout::panel8;
  const auto output_padding = call.integers(op::output_padding_);
  Geometry g;
  WTW_CHECK(w.rank == 4 && output_padding.size() == 2);
  WTW_CHECK(conv::read(
      x, y, {call.integers(op::stride_), call.integers(op::padding_), call.integers(op::dilation_)},
      w.size(1), w.size(2), call.integer(op::groups_), &g));
  WTW_CHECK(w.size(0) == g.out_channels && w.size(3) == g.group_channels());
  WTW_CHECK(!packed || w.groups == g.groups);
  WTW_CHECK(axis_fits(g.y, output_padding[0]) && axis_fits(g.x, output_padding[1]));
  WTW_CHECK(conv::bias_fits(call, op::bias_, g.out_channels));
  if (y.numel == 0) return Code::ok;
  WTW_CHECK(w.numel > 0);
  const int64_t k = w.size(1) * w.size(2) * w.size(3);
  Memo& memo = call.memo<Memo>();
  memo = {.g = g,
          .weights = packed ? 0 : g.groups * packed_size(g.group_outputs(), k),
          .row_tiles = RowPhases(g.x).tiles(g.x)};
  call.need_scratch((memo.weights + g.group_channels()) * int64_t{sizeof(float)});
  call.need_worker_scratch(memo.taps() * int64_t{sizeof(Tap)});
  return Code::ok;
}

// The input position that kernel position k joins with output position `out`, or -1.
int64_t source(const Axis& a, int64_t out, int64_t k) {
  const int64_t scaled = out + a.before - k * a.dilation;
  return scaled >= 0 && scaled % a.stride == 0 && scaled / a.stride < a.in ? scaled / a.stride : -1;
}

// One group of the convolution.
struct Phases {
  const Memo& memo;
  conv::Operands data;
  const float* zeros;

  Tile tile(int64_t index, Tap* taps) const;
  int64_t fill(int64_t batch, int64_t y, int64_t x, int64_t rows, Tap* taps) const;
};

// Taps of output pixels (y, x), (y, x + stride) ...: those that meet the image; their number.
int64_t Phases::fill(int64_t batch, int64_t y, int64_t x, int64_t rows, Tap* taps) const {
  const Geometry& g = memo.g;
  Tap* tap = taps;
  for (int64_t ky = 0; ky < g.y.kernel; ++ky) {
    const int64_t row = source(g.y, y, ky);
    for (int64_t kx = 0; kx < g.x.kernel && row >= 0; ++kx) {
      bool touched = false;
      for (int64_t r = 0; r < rows; ++r) {
        const int64_t column = source(g.x, x + r * g.x.stride, kx);
        const int64_t pixel = (batch * g.y.in + row) * g.x.in + column;
        tap->row[r] = column >= 0 ? data.image + pixel * g.channels : zeros;
        touched |= column >= 0;
      }
      if (!touched) continue;
      tap->weights = data.weights + (ky * g.x.kernel + kx) * g.group_channels() * kPanel;
      ++tap;
    }
  }
  return tap - taps;
}

Tile Phases::tile(int64_t index, Tap* taps) const {
  const Geometry& g = memo.g;
  const int64_t line = index / memo.row_tiles;
  const RowPhases row(g.x);
  int64_t at = index % memo.row_tiles;
  const bool longer = at < row.longer_tiles();
  const int64_t pixels = row.pixels + longer;
  if (!longer) at -= row.longer_tiles();
  const int64_t phase = at / tiles_of(pixels) + (longer ? 0 : row.longer);
  at %= tiles_of(pixels);
  const int64_t first = first_row(at, pixels), rows = first_row(at + 1, pixels) - first;
  const int64_t x = phase + first * g.x.stride;
  return {.taps = taps,
          .n_taps = fill(line / g.y.out, line % g.y.out, x, rows, taps),
          .rows = rows,
          .out = data.out + (line * g.x.out + x) * g.out_channels,
          .stride = g.x.stride * g.out_channels,
          .residual = nullptr};
}

Code run(Call& call) {
  const Tensor& w = call.in(op::weight_);
  if (call.out().numel == 0) return Code::ok;
  const Memo& memo = call.memo<Memo>();
  const Geometry& g = memo.g;
  const int64_t n = g.group_outputs(), depth = g.group_channels(), k = memo.taps() * depth;
  float* scratch = reinterpret_cast<float*>(call.scratch());
  float* zeros = scratch + memo.weights;
  std::memset(zeros, 0, depth * sizeof(float));
  if (memo.weights > 0) {
    pack(g.groups, n, k, scratch,
         [&](int64_t group) { return Matrix{w.as<float>() + group * n * k, k, 1}; });
  }
  conv::Operands all = conv::operands_of(call, -1);
  if (memo.weights > 0) all.weights = scratch;
  const Epilogue epilogue = epilogue_of(call, op::bias_, op::activation_, op::low_, op::high_);
  const Blocking cut = blocking_of(memo);
  pool::parallel(g.groups * cut.chunks(), [&](int64_t chunk, int worker) {
    const int64_t group = chunk / cut.chunks(), column = group * n;
    const conv::Operands data = {.image = all.image + group * depth,
                                 .weights = all.weights + group * packed_size(n, k),
                                 .out = all.out + column,
                                 .residual = nullptr};
    const Phases phases = {memo, data, zeros};
    Product product = {n, k, depth, epilogue};
    if (epilogue.bias) product.epilogue.bias += column;
    Tap* taps = reinterpret_cast<Tap*>(call.worker_scratch(worker));
    run_chunk(product, cut, chunk % cut.chunks(),
              [&](int64_t index) { return phases.tile(index, taps); });
  });
  return Code::ok;
}

}  // namespace

WTW_KERNEL(conv_transpose2d, check, run);

}  // namespace wtw
