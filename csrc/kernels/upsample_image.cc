// A call in, the checked sizes of the image that it resizes out.
#include "kernels/upsample.h"
#include "ops.h"

namespace wtw::upsample {

Code read_image(Call& call, Image& image) {
  using namespace op::upsample_nearest2d;
  const Tensor &x = call.in(input_), &y = call.out();
  const auto size = call.integers(output_size_);
  const auto scales = call.reals(scales_);
  WTW_CHECK(x.rank == 4 && y.rank == 4 && x.dtype == y.dtype);
  WTW_CHECK(x.shape[0] == y.shape[0] && x.shape[1] == y.shape[1]);
  WTW_CHECK(size.size() == 2 && scales.size() == 2);
  image.images = x.shape[0];
  image.channels = x.shape[1];
  for (int i = 0; i < 2; ++i) {
    Axis& axis = i == 0 ? image.height : image.width;
    axis.in = x.shape[2 + i];
    axis.out = y.shape[2 + i];
    axis.scale = scales[i];
    WTW_CHECK(size[i] == axis.out && (axis.valid() || y.numel == 0));
  }
  return Code::ok;
}

}  // namespace wtw::upsample
