// batch_norm: x * scale[c] + shift[c], c being the index in axis 1.
//
// Memory is (outer, channels, inner): inner is 1 where the channels lie innermost.
#include "core/kernel.h"
#include "kernels/axis.h"
#include "kernels/normalization.h"
#include "ops.h"

namespace wtw {
namespace {

using simd::f32x4;

// One scale and shift for a whole row.
void scale_inner(const float* x, float* y, int64_t n, float scale, float shift) {
  const f32x4 a = simd::splat(scale), b = simd::splat(shift);
  rows::map(x, y, n, [a, b](f32x4 v) { return simd::add(simd::mul(v, a), b); });
}

Code check(Call& call) {
  const Tensor& x = call.in(op::batch_norm::input_);
  WTW_CHECK(same_layout(x, call.out()) && x.rank >= 2);
  for (int operand : {op::batch_norm::scale_, op::batch_norm::shift_}) {
    WTW_CHECK(call.in(operand).numel == x.shape[1]);
  }
  return Code::ok;
}

Code run(Call& call) {
  const Tensor &input = call.in(op::batch_norm::input_), &output = call.out();
  if (output.numel == 0) return Code::ok;
  const float *x = input.as<float>(), *scale = call.in(op::batch_norm::scale_).as<float>(),
              *shift = call.in(op::batch_norm::shift_).as<float>();
  float* y = output.as<float>();
  const auto [outer, channels, inner] = axis_of(input, 1);
  const bool innermost = inner == 1;
  const int64_t length = innermost ? channels : inner, count = innermost ? outer : outer * channels;
  parallel_ranges(count, normalization::kGrain / length, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t at = i * length;
      if (innermost) {
        normalization::scale_row(x + at, y + at, length, 0, 1, scale, shift);
      } else {
        scale_inner(x + at, y + at, length, scale[i % channels], shift[i % channels]);
      }
    }
  });
  return Code::ok;
}
}  // namespace

WTW_KERNEL(batch_norm, check, run);

}  // namespace wtw
