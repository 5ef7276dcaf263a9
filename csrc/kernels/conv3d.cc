// conv3d: volumes (N, C, D, H, W), weights (O, KD, KH, KW, C / groups) in; (N, O, OD, OH, OW) out.
//
// A product of rows and panels, as conv2d: a row of the left side is the window of an output
// position, read in place, one tap for each kernel position (for each kernel row where the window
// is one run). Taps outside the volume are zeros.
#include <cstring>

#include "kernels/conv_nd.h"
#include "kernels/gemm.h"

namespace wtw {
namespace {

using namespace gemm;
using conv::Volume;
namespace op = op::conv3d;
static_assert(int{op::input_} == 0 && int{op::weight_} == 1);  // operands_of

struct Memo {
  Volume v;
  bool runs;        // a kernel row is one tap
  int64_t weights;  // floats of scratch for packed weights; zeros for padding follow

  int64_t columns() const { return runs ? 1 : v.axes[2].kernel; }
  int64_t depth() const { return v.group_channels() * (runs ? v.axes[2].kernel : 1); }
  int64_t taps() const { return v.axes[0].kernel * v.axes[1].kernel * columns(); }
  int64_t k() const { return taps() * depth(); }
};

Code check(Call& call) {
  const Tensor &x = call.in(op::input_), &w = call.in(op::weight_), &y = call.out();
  const bool packed = w.layout == Layout::panel8;
  Volume v;
  WTW_CHECK(x.rank == 5 && w.rank == 5);
  WTW_CHECK(conv::read_volume(
      x, y, {call.integers(op::stride_), call.integers(op::padding_), call.integers(op::dilation_)},
      w.shape + 1, call.integer(op::groups_), &v));
  WTW_CHECK(w.size(0) == v.out_channels && w.size(4) == v.group_channels());
  WTW_CHECK(!packed || w.groups == v.groups);
  for (const conv::Axis& axis : v.axes) WTW_CHECK(conv::axis_fits(axis));
  WTW_CHECK(conv::bias_fits(call, op::bias_, v.out_channels));
  if (call.has(op::residual_)) WTW_CHECK(same_shape(call.in(op::residual_), y));
  if (y.numel == 0) return Code::ok;
  WTW_CHECK(w.numel > 0);
  const conv::Axis& width = v.axes[2];
  const bool runs = v.groups == 1 && width.dilation == 1 && !width.is_padded();
  Memo& memo = call.memo<Memo>();
  memo = {.v = v, .runs = runs, .weights = 0};
  if (!packed) memo.weights = v.groups * packed_size(v.group_outputs(), memo.k());
  call.need_scratch((memo.weights + memo.depth()) * int64_t{sizeof(float)});
  call.need_worker_scratch(memo.taps() * int64_t{sizeof(Tap)});
  return Code::ok;
}

// The first corner of an output position's window, in each axis.
struct Corner {
  int64_t image, at[conv::kAxes];
};

Corner corner_of(const Volume& v, int64_t position) {
  Corner corner = {};
  for (int i = conv::kAxes - 1; i >= 0; --i) {
    const conv::Axis& axis = v.axes[i];
    corner.at[i] = position % axis.out * axis.stride - axis.before;
    position /= axis.out;
  }
  corner.image = position;
  return corner;
}

// One group of the convolution.
struct Windows {
  const Memo& memo;
  conv::Operands data;
  const float* zeros;
  Corner corners[kMostRows];  // of the tile's rows

  const float* source(const Corner& corner, const int64_t* kernel) const {
    int64_t pixel = corner.image;
    for (int i = 0; i < conv::kAxes; ++i) {
      const conv::Axis& axis = memo.v.axes[i];
      const int64_t at = corner.at[i] + kernel[i] * axis.dilation;
      if (at < 0 || at >= axis.in) return zeros;
      pixel = pixel * axis.in + at;
    }
    return data.image + pixel * memo.v.channels;
  }

  // The taps that touch the volume, for output positions [first, last); gives their number.
  int64_t fill(int64_t first, int64_t last, Tap* taps) const {
    const Volume& v = memo.v;
    Tap* tap = taps;
    const int64_t columns = memo.columns();
    for (int64_t k = 0; k < memo.taps(); ++k) {
      const int64_t line = k / columns;
      const int64_t kernel[] = {line / v.axes[1].kernel, line % v.axes[1].kernel, k % columns};
      bool touched = false;
      for (int64_t r = 0; r < last - first; ++r) {
        tap->row[r] = source(corners[r], kernel);
        touched |= tap->row[r] != zeros;
      }
      if (!touched) continue;
      tap->weights = data.weights + k * memo.depth() * kPanel;
      ++tap;
    }
    return tap - taps;
  }

  Tile tile(int64_t first, int64_t last, Tap* taps) {
    for (int64_t r = 0; r < last - first; ++r) corners[r] = corner_of(memo.v, first + r);
    const int64_t at = first * memo.v.out_channels;
    return {.taps = taps,
            .n_taps = fill(first, last, taps),
            .rows = last - first,
            .out = data.out + at,
            .stride = memo.v.out_channels,
            .residual = data.residual ? data.residual + at : nullptr};
  }
};

Code run(Call& call) {
  const Tensor& w = call.in(op::weight_);
  if (call.out().numel == 0) return Code::ok;
  const Memo& memo = call.memo<Memo>();
  const Volume& v = memo.v;
  const int64_t n = v.group_outputs(), k = memo.k();
  float* scratch = reinterpret_cast<float*>(call.scratch());
  float* zeros = scratch + memo.weights;
  std::memset(zeros, 0, memo.depth() * sizeof(float));
  if (memo.weights > 0) {
    pack(v.groups, n, k, scratch,
         [&](int64_t group) { return Matrix{w.as<float>() + group * n * k, k, 1}; });
  }
  conv::Operands all = conv::operands_of(call, op::residual_);
  if (memo.weights > 0) all.weights = scratch;
  const Epilogue epilogue = epilogue_of(call, op::bias_, op::activation_, op::low_, op::high_);
  const Blocking cut = blocking(tiles_of(v.positions()), panels_of(n), k);
  const Spread rows(v.positions());
  pool::parallel(v.groups * cut.chunks(), [&](int64_t chunk, int worker) {
    const int64_t group = chunk / cut.chunks(), column = group * n;
    const conv::Operands data = {.image = all.image + group * v.group_channels(),
                                 .weights = all.weights + group * packed_size(n, k),
                                 .out = all.out + column,
                                 .residual = all.residual ? all.residual + column : nullptr};
    Windows windows = {memo, data, zeros, {}};
    Product product = {n, k, memo.depth(), epilogue};
    if (epilogue.bias) product.epilogue.bias += column;
    Tap* taps = reinterpret_cast<Tap*>(call.worker_scratch(worker));
    run_chunk(product, cut, chunk % cut.chunks(), [&](int64_t index) {
      return windows.tile(rows.first(index), rows.first(index + 1), taps);
    });
  });
  return Code::ok;
}

}  // namespace

WTW_KERNEL(conv3d, check, run);

}  // namespace wtw
