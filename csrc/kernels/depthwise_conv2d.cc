// depthwise_conv2d: images (N, C, H, W), weights (KH, KW, C) in; (N, C, OH, OW) out.
#include <algorithm>

#include "kernels/axis.h"
#include "kernels/conv.h"
#include "kernels/depthwise.h"

namespace wtw {
namespace {

using conv::Geometry;
namespace op = op::depthwise_conv2d;
static_assert(int{op::input_} == 0 && int{op::weight_} == 1);  // operands_of

constexpr int64_t kChunkFlops = 250'000;

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

Code run(Call& call) {
  if (call.out().numel == 0) return Code::ok;
  const Geometry& g = call.memo<Geometry>();
  const Epilogue epilogue = epilogue_of(call, op::bias_, op::activation_, op::low_, op::high_);
  const depthwise::Work work(g, conv::operands_of(call, op::residual_), epilogue);
  const int64_t lines = g.batch * g.y.out;
  const int64_t flops = 2 * g.x.out * g.channels * g.y.kernel * g.x.kernel;
  const int64_t block = std::max<int64_t>(kChunkFlops / flops, 1);
  pool::parallel(ceil_div(lines, block), [&](int64_t chunk, int) {
    depthwise::run_rows(work, chunk * block, std::min((chunk + 1) * block, lines));
  });
  return Code::ok;
}

}  // namespace

WTW_KERNEL(depthwise_conv2d, check, run);

}  // namespace wtw
