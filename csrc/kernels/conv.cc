// Images and attributes in, checked sizes out.
#include "kernels/conv.h"

namespace wtw::conv {
namespace {

bool all_within(std::span<const int64_t> values, int64_t low) {
  for (int64_t value : values) {
    if (value < low || value > kMaxSize) return false;
  }
  return true;
}

Axis axis_of(const Tensor& input, const Tensor& output, const Sizes& s, int axis, int64_t kernel) {
  const size_t after = s.padding.size() == 4 ? 2 : 0;
  return {.in = input.shape[2 + axis],
          .out = output.shape[2 + axis],
          .kernel = kernel,
          .stride = s.stride[axis],
          .dilation = s.dilation[axis],
          .before = s.padding[axis],
          .after = s.padding[axis + after]};
}

}  // namespace

bool axis_fits(const Axis& a) {
  return a.padded() >= a.extent() && a.out == (a.padded() - a.extent()) / a.stride + 1;
}

Operands operands_of(const Call& call, int residual) {
  return {
      .image = call.in(0).as<float>(),
      .weights = call.in(1).as<float>(),
      .out = call.out().as<float>(),
      .residual = residual >= 0 && call.has(residual) ? call.in(residual).as<float>() : nullptr};
}

bool read(const Tensor& input, const Tensor& output, const Sizes& sizes, int64_t kernel_height,
          int64_t kernel_width, int64_t groups, Geometry* geometry) {
  if (input.rank != 4 || output.rank != 4) return false;
  if (sizes.stride.size() != 2 || sizes.dilation.size() != 2) return false;
  if (sizes.padding.size() != 2 && sizes.padding.size() != 4) return false;
  const int64_t positive[] = {kernel_height, kernel_width, groups};
  if (!all_within(positive, 1) || !all_within(sizes.stride, 1)) return false;
  if (!all_within(sizes.dilation, 1) || !all_within(sizes.padding, 0)) return false;
  if (!all_within({input.shape, 4}, 0) || !all_within({output.shape, 4}, 0)) return false;
  *geometry = {.batch = input.shape[0],
               .channels = input.shape[1],
               .out_channels = output.shape[1],
               .groups = groups,
               .y = axis_of(input, output, sizes, 0, kernel_height),
               .x = axis_of(input, output, sizes, 1, kernel_width)};
  return output.shape[0] == geometry->batch && geometry->channels % groups == 0 &&
         geometry->out_channels % groups == 0;
}

bool output_fits(const Geometry& geometry) {
  return axis_fits(geometry.y) && axis_fits(geometry.x);
}

bool bias_fits(const Call& call, int operand, int64_t out_channels) {
  if (!call.has(operand)) return true;
  const Tensor& bias = call.in(operand);
  return bias.rank == 1 && bias.size(0) == out_channels;
}

int64_t elements(std::initializer_list<int64_t> sizes) {
  int64_t n = 1;
  for (int64_t size : sizes) {
    if (__builtin_mul_overflow(n, size, &n) || n > kMaxElements) return -1;
  }
  return n;
}

}  // namespace wtw::conv
