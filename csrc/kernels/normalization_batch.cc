// batch_norm: x * scale[c] + shift[c], c being the index in axis 1.
//
// Memory is (outer, channels, inner): inner is 1 where the channels lie innermost.
#include "core/kernel.h"
#include "kernels/axis.h"
#include "kernels/normalization.h"
#include "ops.h"

namespace wtw {
namespace {

using normalization::kGrain;

// y = x * scale + shift with one scale and shift for a whole row.
void scale_inner(const float* x, float* y, int64_t n, float scale, float shift) {
  const simd::f32x4 a = simd::splat(scale), b = simd::splat(shift);
  rows::map(x, y, n, [a, b](simd::f32x4 v) { return simd::add(simd::mul(v, a), b); });
}

void scale_inner(const double* x, double* y, int64_t n, double scale, double shift) {
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] * scale + shift;
}

template <class T>
void scale_channels(const T* x, T* y, const Axis& axis, const T* scale, const T* shift) {
  const int64_t channels = axis.size, inner = axis.inner;
  if (inner == 1) {
    const int64_t grain = kGrain / channels;
    parallel_ranges(axis.outer, grain, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin * channels; i < end * channels; i += channels) {
        normalization::scale_row(x + i, y + i, channels, T{0}, T{1}, scale, shift);
      }
    });
    return;
  }
  parallel_ranges(axis.outer * channels, kGrain / inner, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      scale_inner(x + i * inner, y + i * inner, inner, scale[i % channels], shift[i % channels]);
    }
  });
}

Code check(Call& call) {
  const Tensor& x = call.in(op::batch_norm::input_);
  WTW_CHECK(same_layout(x, call.out()) && x.dtype == call.out().dtype && x.rank >= 2);
  for (int operand : {op::batch_norm::scale_, op::batch_norm::shift_}) {
    WTW_CHECK(call.in(operand).dtype == x.dtype && call.in(operand).numel == x.shape[1]);
  }
  return Code::ok;
}

template <class T>
void run_in(const Call& call) {
  const Tensor& x = call.in(op::batch_norm::input_);
  const T* scale = call.in(op::batch_norm::scale_).as<T>();
  const T* shift = call.in(op::batch_norm::shift_).as<T>();
  scale_channels(x.as<T>(), call.out().as<T>(), axis_of(x, 1), scale, shift);
}

Code run(Call& call) {
  const Tensor& y = call.out();
  if (y.numel == 0) return Code::ok;
  if (y.dtype == DType::float32) {
    run_in<float>(call);
  } else {
    run_in<double>(call);
  }
  return Code::ok;
}
}  // namespace

WTW_KERNEL(batch_norm, check, run);

}  // namespace wtw
