// deform_columns: images (N, C, H, W) and offsets (N, 2 G KH KW, OH, OW) in, the pixels that each
// output position's window falls on out: (N, C KH KW, OH OW). A product makes deform_conv2d of it.
#include "core/kernel.h"
#include "kernels/axis.h"
#include "kernels/vision.h"
#include "ops.h"

namespace wtw {
namespace {

using namespace op::deform_columns;

constexpr int64_t kGrain = 2048;  // positions of a chunk

// Whether the attributes are such that positions can be computed.
bool valid(Call& call) {
  for (int attribute : {int{kernel_size_}, int{stride_}, int{dilation_}, int{padding_}}) {
    const auto sizes = call.integers(attribute);
    if (sizes.size() != 2) return false;
    for (int64_t size : sizes) {
      if (size < (attribute == int{padding_} ? 0 : 1) || size >= vision::kLimit) return false;
    }
  }
  return true;
}

Code check(Call& call) {
  const Tensor &x = call.in(input_), &offset = call.in(offset_), &y = call.out();
  WTW_CHECK(valid(call));
  const auto kernel = call.integers(kernel_size_);
  const int64_t groups = call.integer(groups_), taps = kernel[0] * kernel[1];
  WTW_CHECK(x.rank == 4 && offset.rank == 4 && y.rank == 3);
  WTW_CHECK(x.dtype == y.dtype && x.dtype == offset.dtype);
  WTW_CHECK(taps < vision::kLimit && groups >= 1 && groups < vision::kLimit);
  WTW_CHECK(x.shape[1] % groups == 0 && offset.shape[1] == 2 * groups * taps);
  WTW_CHECK(offset.shape[0] == x.shape[0] && y.shape[0] == x.shape[0]);
  for (int i = 1; i < 4; ++i) {
    WTW_CHECK(x.shape[i] < vision::kLimit && offset.shape[i] < vision::kLimit);
  }
  WTW_CHECK(y.shape[1] == x.shape[1] * taps && y.shape[2] == offset.shape[2] * offset.shape[3]);
  if (call.has(mask_)) {
    const Tensor& mask = call.in(mask_);
    WTW_CHECK(mask.dtype == x.dtype);
    WTW_CHECK(has_shape(mask, {x.shape[0], groups * taps, offset.shape[2], offset.shape[3]}));
  }
  return Code::ok;
}

// Row `index` of the columns: one channel of one image, one kernel position.
template <class T>
void make_row(Call& call, int64_t index) {
  const Tensor &x = call.in(input_), &offset = call.in(offset_), &y = call.out();
  const auto kernel = call.integers(kernel_size_), stride = call.integers(stride_),
             padding = call.integers(padding_), dilation = call.integers(dilation_);
  const int64_t taps = kernel[0] * kernel[1], channels = x.shape[1];
  const int64_t tap = index % taps, channel = index / taps % channels;
  const int64_t n = index / taps / channels, groups = call.integer(groups_);
  const int64_t at = (n * groups + channel / (channels / groups)) * taps + tap;
  const int64_t width = offset.shape[3], size = y.shape[2];
  const T* down = offset.as<T>() + 2 * at * size;
  const T* mask = call.has(mask_) ? call.in(mask_).as<T>() + at * size : nullptr;
  const vision::Plane<T> plane = {x.as<T>() + index / taps * x.shape[2] * x.shape[3], x.shape[2],
                                  x.shape[3]};
  T* to = y.as<T>() + index * size;
  for (int64_t i = 0; i < size; ++i) {
    const int64_t top = i / width * stride[0] - padding[0] + tap / kernel[1] * dilation[0];
    const int64_t left = i % width * stride[1] - padding[1] + tap % kernel[1] * dilation[1];
    const T v = static_cast<T>(top) + down[i], u = static_cast<T>(left) + down[size + i];
    const T value = plane.near(v, u) ? plane.between(v, u) : T(0);
    to[i] = mask ? mask[i] * value : value;
  }
}

Code run(Call& call) {
  const Tensor& y = call.out();
  if (y.numel == 0) return Code::ok;
  const auto one = y.dtype == DType::float32 ? make_row<float> : make_row<double>;
  parallel_ranges(y.shape[0] * y.shape[1], kGrain / y.shape[2],
                  [&](int64_t begin, int64_t end, int) {
                    for (int64_t i = begin; i < end; ++i) one(call, i);
                  });
  return Code::ok;
}

}  // namespace

WTW_KERNEL(deform_columns, check, run);

}  // namespace wtw
