// Operators by shape in, repeated runs out: the kernels that ship, without plan or session.
//
// Exported functions make a job and give its number; bench_run repeats one. Linked with the very
// objects of the runtime (one thread).
#include "api.h"
#include "core/simd.h"
#include "job.h"
#include "ops.h"

namespace wtw {

extern const Kernel kernel_linear, kernel_quantized_linear, kernel_int4_linear, kernel_conv2d,
    kernel_quantized_conv2d, kernel_static_conv2d, kernel_conv_transpose2d, kernel_depthwise_conv2d,
    kernel_static_depthwise_conv2d, kernel_winograd_conv2d, kernel_winograd_weight;

}  // namespace wtw

using namespace wtw;

WTW_EXPORT(bench_linear) int bench_linear(int m, int n, int k) {
  Job& job = jobs[n_jobs];
  job.input(Order::dense, {m, k});
  job.input(Order::panel8, {n, k});
  job.input(Order::dense, {n});
  job.absent();
  job.output(Order::dense, {m, n});
  job.activation(0);
  return finish(kernel_linear);
}

WTW_EXPORT(bench_quantized_linear) int bench_quantized_linear(int m, int n, int k) {
  Job& job = jobs[n_jobs];
  const int64_t panels = (n + 7) / 8;
  job.input(Order::dense, {m, k});
  job.input(Order::dense, {panels, (k + 3) / 4, 8, 4}, DType::int8);
  job.input(Order::dense, {panels * 8});
  job.input(Order::dense, {panels * 8}, DType::int32);
  job.input(Order::dense, {panels * 8});
  job.absent();
  job.output(Order::dense, {m, n});
  job.integers({n});
  job.activation(0);
  return finish(kernel_quantized_linear);
}

WTW_EXPORT(bench_int4_linear) int bench_int4_linear(int m, int n, int k) {
  Job& job = jobs[n_jobs];
  const int64_t panels = (n + 7) / 8, blocks = (k + 31) / 32;
  job.input(Order::dense, {m, k});
  job.input(Order::dense, {panels, blocks, 128}, DType::uint8);
  job.input(Order::dense, {panels, blocks, 8}, DType::bfloat16);
  job.input(Order::dense, {panels, blocks, 8}, DType::uint8);
  job.input(Order::dense, {panels * 8});
  job.absent();
  job.output(Order::dense, {m, n});
  job.integers({n});
  job.activation(0);
  return finish(kernel_int4_linear);
}

// Images of a model's first layer, with few channels, are as a page has them: NCHW.
WTW_EXPORT(bench_conv2d)
int bench_conv2d(int size, int channels, int out_channels, int kernel, int stride, int padding,
                 int groups) {
  Job& job = jobs[n_jobs];
  const int64_t out = (size + 2 * padding - kernel) / stride + 1;
  job.input(channels < 4 ? Order::dense : Order::channels_last, {1, channels, size, size});
  job.input(Order::panel8, {out_channels, kernel, kernel, channels / groups}, groups);
  job.input(Order::dense, {out_channels});
  job.absent();
  job.output(Order::channels_last, {1, out_channels, out, out});
  job.integers({stride, stride});
  job.integers({padding, padding});
  job.integers({1, 1});
  job.integers({groups});
  job.activation(static_cast<int64_t>(op::conv2d::Activation::relu));
  return finish(kernel_conv2d);
}

// Weights, their scales and sums, bias; no residual.
static void packed_operands(Job& job, int64_t columns, int64_t taps, int64_t depth) {
  const int64_t panels = (columns + 7) / 8;
  job.input(Order::dense, {panels, taps, (depth + 3) / 4, 8, 4}, DType::int8);
  job.input(Order::dense, {panels * 8});
  job.input(Order::dense, {panels * 8}, DType::int32);
  job.input(Order::dense, {panels * 8});
  job.absent();
}

// Floats in and out, or bytes.
static int int8_conv2d(const Kernel& conv, int size, int channels, int out_channels, int kernel,
                       int stride, int padding, DType dtype) {
  Job& job = jobs[n_jobs];
  const int64_t out = (size + 2 * padding - kernel) / stride + 1;
  job.input(channels < 4 ? Order::dense : Order::channels_last, {1, channels, size, size}, dtype);
  packed_operands(job, out_channels, kernel, int64_t{kernel} * channels);
  job.output(Order::channels_last, {1, out_channels, out, out}, dtype);
  job.integers({out_channels});
  job.integers({kernel, kernel});
  job.integers({stride, stride});
  job.integers({padding, padding});
  job.integers({1, 1});
  if (dtype == DType::uint8) {
    job.integers({60});
    job.real(1);
    job.integers({static_cast<int64_t>(dtype)});
  }
  job.activation(static_cast<int64_t>(op::conv2d::Activation::relu));
  return finish(conv);
}

WTW_EXPORT(bench_static_conv2d)
int bench_static_conv2d(int size, int channels, int out_channels, int kernel, int stride,
                        int padding) {
  return int8_conv2d(kernel_static_conv2d, size, channels, out_channels, kernel, stride, padding,
                     DType::uint8);
}

WTW_EXPORT(bench_quantized_conv2d)
int bench_quantized_conv2d(int size, int channels, int out_channels, int kernel, int stride,
                           int padding) {
  return int8_conv2d(kernel_quantized_conv2d, size, channels, out_channels, kernel, stride, padding,
                     DType::float32);
}

// Output of size * stride.
WTW_EXPORT(bench_conv_transpose2d)
int bench_conv_transpose2d(int size, int channels, int out_channels, int kernel, int stride) {
  Job& job = jobs[n_jobs];
  const int64_t padding = (kernel - stride) / 2, out = static_cast<int64_t>(size) * stride;
  job.input(Order::channels_last, {1, channels, size, size});
  job.input(Order::panel8, {out_channels, kernel, kernel, channels});
  job.input(Order::dense, {out_channels});
  job.output(Order::channels_last, {1, out_channels, out, out});
  job.integers({stride, stride});
  job.integers({padding, padding});
  job.integers({1, 1});
  job.integers({0, 0});
  job.integers({1});
  job.activation(static_cast<int64_t>(op::conv_transpose2d::Activation::none));
  return finish(kernel_conv_transpose2d);
}

WTW_EXPORT(bench_winograd)
int bench_winograd(int size, int channels, int out_channels, int tile) {
  Job& job = jobs[n_jobs];
  const int64_t n = tile + 2;
  job.input(Order::channels_last, {1, channels, size, size});
  job.input(Order::dense, {(out_channels + 7) / 8, n, n, channels, 8});
  job.input(Order::dense, {out_channels});
  job.absent();
  job.output(Order::channels_last, {1, out_channels, size, size});
  job.integers({1, 1, 1, 1});
  job.activation(static_cast<int64_t>(op::winograd_conv2d::Activation::relu));
  return finish(kernel_winograd_conv2d);
}

WTW_EXPORT(bench_winograd_weight) int bench_winograd_weight(int channels, int out, int tile) {
  Job& job = jobs[n_jobs];
  const int64_t n = tile + 2;
  job.input(Order::dense, {out, 3, 3, channels});
  job.output(Order::dense, {(out + 7) / 8, n, n, channels, 8});
  job.integers({tile});
  return finish(kernel_winograd_weight);
}

WTW_EXPORT(bench_depthwise)
int bench_depthwise(int size, int channels, int kernel, int stride, int dilation) {
  Job& job = jobs[n_jobs];
  const int64_t padding = kernel / 2 * dilation;
  const int64_t out = (size + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1;
  job.input(Order::channels_last, {1, channels, size, size});
  job.input(Order::dense, {kernel, kernel, channels});
  job.input(Order::dense, {channels});
  job.absent();
  job.output(Order::channels_last, {1, channels, out, out});
  job.integers({stride, stride});
  job.integers({padding, padding});
  job.integers({dilation, dilation});
  job.activation(static_cast<int64_t>(op::depthwise_conv2d::Activation::relu));
  return finish(kernel_depthwise_conv2d);
}

WTW_EXPORT(bench_static_depthwise)
int bench_static_depthwise(int size, int channels, int kernel, int stride) {
  Job& job = jobs[n_jobs];
  const int64_t padding = kernel / 2, out = (size + 2 * padding - kernel) / stride + 1;
  job.input(Order::channels_last, {1, channels, size, size}, DType::uint8);
  job.input(Order::dense, {kernel, kernel, channels}, DType::int8);
  job.input(Order::dense, {channels}, DType::int16);
  job.input(Order::dense, {channels}, DType::int16);
  job.output(Order::channels_last, {1, channels, out, out}, DType::uint8);
  job.integers({stride, stride});
  job.integers({padding, padding});
  job.integers({1, 1});
  job.integers({60});
  job.integers({0});
  job.integers({0});
  job.integers({127});
  return finish(kernel_static_depthwise_conv2d);
}

WTW_EXPORT(bench_run) void bench_run(int job, int times) {
  for (int i = 0; i < times; ++i) jobs[job].run();
}

// 12 independent chains of fused multiply-adds: 96 floating point operations a step.
WTW_EXPORT(bench_peak) float bench_peak(int steps) {
  simd::f32x4 acc[12];
  for (int i = 0; i < 12; ++i) acc[i] = simd::splat(static_cast<float>(i));
  simd::f32x4 a = simd::splat(0.5f), b = simd::splat(0.25f);
  simd::pin(a);
  simd::pin(b);
  for (int i = 0; i < steps; ++i) {
    for (simd::f32x4& x : acc) x = simd::madd(x, a, b);
    for (simd::f32x4& x : acc) simd::pin(x);
  }
  for (int i = 1; i < 12; ++i) acc[0] = simd::add(acc[0], acc[i]);
  return simd::sum(acc[0]);
}
