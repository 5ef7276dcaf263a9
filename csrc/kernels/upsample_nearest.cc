// upsample_nearest2d: every output pixel is a copy of one input pixel, whatever its dtype.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/kernel.h"
#include "kernels/axis.h"
#include "kernels/strided_copy.h"
#include "kernels/upsample.h"
#include "ops.h"

namespace wtw {

namespace {

using upsample::Axis;
using upsample::Image;

constexpr int64_t kGrain = 512 << 10;  // bytes of a chunk: 20 us

struct Plan {
  Image image;
  bool exact;  // the pixel whose centre is nearest, not the one at the rounded down position
};

// In float32, as PyTorch does: rounding decides which pixel a far position falls on.
[[gnu::noinline]] int64_t source(const Axis& axis, int64_t o, bool exact) {
  const float ratio = static_cast<float>(axis.ratio()), at = static_cast<float>(o);
  const float position = exact ? (at + 0.5f) * ratio : at * ratio;
  return std::min(static_cast<int64_t>(std::floor(position)), axis.in - 1);
}

Code check(Call& call) {
  Plan plan = {{}, call.flag(op::upsample_nearest2d::exact_)};
  if (Code code = upsample::read_image(call, plan.image); code != Code::ok) return code;
  call.memo<Plan>() = plan;
  call.need_scratch(plan.image.width.out * static_cast<int64_t>(sizeof(int64_t)));
  return Code::ok;
}

Code run(Call& call) {
  const Tensor &x = call.in(op::upsample_nearest2d::input_), &y = call.out();
  if (y.numel == 0) return Code::ok;
  const Plan plan = call.memo<Plan>();
  const bool exact = plan.exact;
  const Axis &height = plan.image.height, &width = plan.image.width;
  const int64_t pixel = plan.image.channels * size_of(x.dtype), line = width.out * pixel;
  auto* offsets = reinterpret_cast<int64_t*>(call.scratch());  // of source pixels in a row
  for (int64_t o = 0; o < width.out; ++o) offsets[o] = source(width, o, exact) * pixel;
  const int64_t lines = plan.image.images * height.out;
  parallel_ranges(lines, kGrain / line, [&](int64_t begin, int64_t end, int) {
    int64_t last = -1;  // source row of the output row before
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = i / height.out * height.in + source(height, i % height.out, exact);
      std::byte* to = y.data + i * line;
      if (row == last) {
        std::memcpy(to, to - line, line);
        continue;
      }
      last = row;
      const std::byte* from = x.data + row * width.in * pixel;
      for (int64_t o = 0; o < width.out; ++o) copy_bytes(to + o * pixel, from + offsets[o], pixel);
    }
  });
  return Code::ok;
}
}  // namespace

WTW_KERNEL(upsample_nearest2d, check, run);

}  // namespace wtw
