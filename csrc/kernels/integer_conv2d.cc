// integer_conv2d: images (N, C, H, W) of bytes and packed int8 weights, exactly; floats out.
#include <cmath>

#include "core/kernel.h"
#include "kernels/int8_image.h"
#include "kernels/integer_product.h"
#include "ops.h"

namespace wtw {
namespace {

using namespace integers;
namespace op = op::integer_conv2d;

constexpr int8::Names kNames = {op::scale_,      op::sums_, op::bias_, op::residual_,
                                op::activation_, op::low_,  op::high_};
constexpr int8::Attributes kAttributes = {op::kernel_, op::stride_, op::padding_, op::dilation_};

Code check(Call& call) {
  int8::Windows& windows = call.memo<int8::Windows>();
  WTW_CHECK(int8::read(call, kAttributes, kNames, &windows));
  WTW_CHECK(windows.taps() * windows.depth() <= kMostDepth);
  WTW_CHECK(call.in(op::image_scale_).numel == 1 && call.in(op::image_zero_).numel == 1);
  if (call.out().numel == 0) return Code::ok;
  const int64_t image = windows.image_bytes(sizeof(int16_t));
  WTW_CHECK(image >= 0);
  call.need_scratch(windows.offsets_bytes() + image);
  return Code::ok;
}

Code run(Call& call) {
  const Tensor& y = call.out();
  if (y.numel == 0) return Code::ok;
  const int8::Windows& windows = call.memo<int8::Windows>();
  auto* offsets = reinterpret_cast<ptrdiff_t*>(call.scratch());
  auto* image = reinterpret_cast<int16_t*>(call.scratch() + windows.offsets_bytes());
  const float* zero = call.in(op::image_zero_).as<float>();
  const auto border = static_cast<int32_t>(std::fmin(std::fmax(*zero, INT8_MIN), UINT8_MAX));
  int8::pad(windows, call.in(op::input_), border, image);
  const Epilogue epilogue = epilogue_of(call, op::bias_, op::activation_, op::low_, op::high_);
  const float* residual = call.has(op::residual_) ? call.in(op::residual_).as<float>() : nullptr;
  const conv::Geometry& g = windows.g;
  Product product = {};
  product.left = image;
  product.rows = int8::place(windows, offsets);
  product.taps = windows.taps();
  product.steps = ceil_div(windows.depth(), kDepth);
  product.offsets = offsets;
  product.weights = call.in(op::weight_).as<int8_t>();
  product.output = {g.pixels(), g.out_channels, y.as<float>(), residual, epilogue};
  product.scale = call.in(op::scale_).as<float>();
  product.bias = epilogue.bias;
  product.row_scale = call.in(op::image_scale_).as<float>();
  product.row_zero = zero;
  product.sums = call.in(op::sums_).as<int32_t>();
  multiply(product);
  return Code::ok;
}

}  // namespace

WTW_KERNEL(integer_conv2d, check, run);

}  // namespace wtw
