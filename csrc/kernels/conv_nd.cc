// conv_nd: (N, C, *axes) and PyTorch's weights in, (N, O, *axes) out, forward or transposed, with
// one to three axes: what has no kernel of its own.
//
// An output row is summed up tap by tap, in float64 or modulo 2^64.
#include "kernels/conv_nd.h"

#include <algorithm>

#include "kernels/axis.h"
#include "ops.h"

namespace wtw {
namespace {

using conv::Axis;
using conv::Volume;
namespace op = op::conv_nd;

constexpr int64_t kGrain = 64 << 10;  // products of a chunk

struct Memo {
  Volume v;
  bool transposed;

  int64_t taps() const { return v.axes[0].kernel * v.axes[1].kernel * v.axes[2].kernel; }
};

bool transposed_fits(const Axis& a, int64_t output_padding) {
  return output_padding >= 0 && output_padding <= conv::kMaxSize && a.in >= 1 &&
         a.out == (a.in - 1) * a.stride - a.before - a.after + a.extent() + output_padding;
}

Code check(Call& call) {
  const Tensor &x = call.in(op::input_), &w = call.in(op::weight_), &y = call.out();
  const auto more = call.integers(op::output_padding_);
  const bool transposed = call.flag(op::transposed_);
  Volume v;
  WTW_CHECK(x.dtype == y.dtype && w.dtype == x.dtype && w.rank == x.rank);
  WTW_CHECK(conv::read_volume(
      x, y, {call.integers(op::stride_), call.integers(op::padding_), call.integers(op::dilation_)},
      w.shape + 2, call.integer(op::groups_), &v));
  const int64_t outer = transposed ? v.channels : v.out_channels;
  WTW_CHECK(w.shape[0] == outer);
  WTW_CHECK(w.shape[1] == (transposed ? v.group_outputs() : v.group_channels()));
  WTW_CHECK(conv::bias_fits(call, op::bias_, v.out_channels));
  WTW_CHECK(!call.has(op::bias_) || call.in(op::bias_).dtype == x.dtype);
  WTW_CHECK(static_cast<int>(more.size()) == x.rank - 2);
  for (int i = 0; i < x.rank - 2; ++i) {
    const Axis& axis = v.axes[conv::kAxes - (x.rank - 2) + i];
    WTW_CHECK(transposed ? transposed_fits(axis, more[i]) : conv::axis_fits(axis));
  }
  if (y.numel == 0) return Code::ok;
  WTW_CHECK(w.numel > 0);
  call.memo<Memo>() = {v, transposed};
  call.need_worker_scratch(v.axes[2].out * 8);
  return Code::ok;
}

// The input position that kernel position k joins with output position `out`, or -1.
int64_t source(const Axis& a, int64_t out, int64_t k, bool transposed) {
  if (!transposed) {
    const int64_t at = out * a.stride + k * a.dilation - a.before;
    return at >= 0 && at < a.in ? at : -1;
  }
  const int64_t scaled = out + a.before - k * a.dilation;
  return scaled >= 0 && scaled % a.stride == 0 && scaled / a.stride < a.in ? scaled / a.stride : -1;
}

// The steps i of a line in which position i * stride + offset lies in [0, size).
struct Span {
  int64_t begin, end, offset;

  Span(const Axis& a, int64_t k, int64_t steps, int64_t size) : offset(k * a.dilation - a.before) {
    begin = offset < 0 ? ceil_div(-offset, a.stride) : 0;
    end = offset < size ? std::min(steps, (size - 1 - offset) / a.stride + 1) : 0;
  }
};

// to[i] += w * from[i], i < n, each with a step.
template <class T, class A>
void add_product(const T* __restrict from, int64_t from_step, A w, A* __restrict to,
                 int64_t to_step, int64_t n) {
  if (from_step == 1 && to_step == 1) {  // in vectors
    for (int64_t i = 0; i < n; ++i) to[i] += w * A(from[i]);
  } else {
    for (int64_t i = 0; i < n; ++i) to[i * to_step] += w * A(from[i * from_step]);
  }
}

// One row of the output, channel `o` of image `n`: `sums` has room for it in the type A.
template <class T, class A>
struct Row {
  const Memo& memo;
  const T *image, *weights;
  A* sums;

  // Input line times one number a kernel position of the last axis.
  void add_line(const T* line, const T* weight) const {
    const Axis& x = memo.v.axes[2];
    const int64_t steps = memo.transposed ? x.in : x.out, size = memo.transposed ? x.out : x.in;
    for (int64_t k = 0; k < x.kernel; ++k) {
      const Span span(x, k, steps, size);
      const A w = static_cast<A>(weight[k]);
      const int64_t n = span.end - span.begin, place = span.begin * x.stride + span.offset;
      if (n <= 0) continue;
      if (memo.transposed) {
        add_product(line + span.begin, 1, w, sums + place, x.stride, n);
      } else {
        add_product(line + place, x.stride, w, sums + span.begin, 1, n);
      }
    }
  }

  void add_all(int64_t n, int64_t o, int64_t z, int64_t y) const {
    const Volume& v = memo.v;
    const Axis &depth = v.axes[0], &height = v.axes[1], &width = v.axes[2];
    const int64_t first = o / v.group_outputs() * v.group_channels();
    for (int64_t i = 0; i < v.group_channels(); ++i) {
      const int64_t c = first + i;
      const int64_t matrix = memo.transposed ? c * v.group_outputs() + o % v.group_outputs()
                                             : o * v.group_channels() + i;
      const T* weight = weights + matrix * memo.taps();
      for (int64_t kz = 0; kz < depth.kernel; ++kz) {
        const int64_t from_z = source(depth, z, kz, memo.transposed);
        for (int64_t ky = 0; from_z >= 0 && ky < height.kernel; ++ky) {
          const int64_t from_y = source(height, y, ky, memo.transposed);
          if (from_y < 0) continue;
          const int64_t line = ((n * v.channels + c) * depth.in + from_z) * height.in + from_y;
          add_line(image + line * width.in, weight + (kz * height.kernel + ky) * width.kernel);
        }
      }
    }
  }
};

template <class T, class A>
Code run_as(Call& call) {
  const Memo& memo = call.memo<Memo>();
  const Volume& v = memo.v;
  const int64_t depth = v.axes[0].out, height = v.axes[1].out, width = v.axes[2].out;
  const T* bias = call.has(op::bias_) ? call.in(op::bias_).as<T>() : nullptr;
  const int64_t lines = v.batch * v.out_channels * depth * height;
  const int64_t work = std::max<int64_t>(width * v.group_channels(), 1) * memo.taps();
  parallel_ranges(lines, kGrain / work, [&](int64_t begin, int64_t end, int worker) {
    A* sums = reinterpret_cast<A*>(call.worker_scratch(worker));
    const Row<T, A> row = {memo, call.in(op::input_).as<T>(), call.in(op::weight_).as<T>(), sums};
    for (int64_t line = begin; line < end; ++line) {
      const int64_t plane = line / height, channel = plane / depth;
      const int64_t o = channel % v.out_channels;
      std::fill_n(sums, width, bias ? A(bias[o]) : A(0));
      row.add_all(channel / v.out_channels, o, plane % depth, line % height);
      T* to = call.out().as<T>() + line * width;
      for (int64_t i = 0; i < width; ++i) to[i] = static_cast<T>(sums[i]);
    }
  });
  return Code::ok;
}

Code run(Call& call) {
  if (call.out().numel == 0) return Code::ok;
  switch (call.out().dtype) {
    case DType::float32:
      return run_as<float, double>(call);
    case DType::float64:
      return run_as<double, double>(call);
    default:
      return run_as<uint64_t, uint64_t>(call);
  }
}

}  // namespace

WTW_KERNEL(conv_nd, check, run);

}  // namespace wtw
