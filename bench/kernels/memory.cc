// Memory-bound operators by shape in, jobs out (see bench.cc): float32 unless the name says else.
#include <cstring>

#include "api.h"
#include "job.h"

namespace wtw {

extern const Kernel kernel_add, kernel_adaptive_avg_pool2d, kernel_argmax, kernel_avg_pool2d,
    kernel_batch_norm, kernel_cat, kernel_copy, kernel_constant_pad_nd, kernel_cumsum,
    kernel_embedding, kernel_exp, kernel_gelu, kernel_group_norm, kernel_hardswish,
    kernel_layer_norm, kernel_log, kernel_max_pool2d, kernel_mean, kernel_mul, kernel_relu,
    kernel_rms_norm, kernel_sigmoid, kernel_silu, kernel_softmax, kernel_tanh, kernel_topk,
    kernel_upsample_bilinear2d, kernel_upsample_nearest2d, kernel_where;

namespace {

// Every pointwise row has them first: computed as, stored as.
void pointwise_attributes(Job& job, DType compute = DType::float32) {
  job.integers({static_cast<int64_t>(compute)});
  job.integers({static_cast<int64_t>(compute)});
}

// The first operand and the output in one order.
Job& job_of(Order order, Job::Shape from, Job::Shape to) {
  Job& job = jobs[n_jobs];
  job.input(order, from);
  job.output(order, to);
  return job;
}
Job& job_of(Order order, Job::Shape shape) { return job_of(order, shape, shape); }

Job& matrix(int rows, int length) { return job_of(Order::dense, {rows, length}); }

// An image with the channels innermost to one of its size, or of `out` pixels a side.
Job& image(int size, int channels) {
  return job_of(Order::channels_last, {1, channels, size, size});
}
Job& image(int size, int channels, int64_t out) {
  return job_of(Order::channels_last, {1, channels, size, size}, {1, channels, out, out});
}

int pointwise_of(const Kernel& kernel, Job& job) {
  pointwise_attributes(job);
  return finish(kernel);
}

// `inputs`: its scale, and its shift where it has one.
int norm_of(const Kernel& kernel, int rows, int length, int inputs) {
  Job& job = matrix(rows, length);
  for (int i = 0; i < inputs; ++i) job.input(Order::dense, {length});
  job.integers({length});
  job.real(1e-5);
  return finish(kernel);
}

// A scale and a shift for each channel.
Job& scaled_image(int size, int channels) {
  Job& job = image(size, channels);
  job.input(Order::dense, {channels});
  job.input(Order::dense, {channels});
  return job;
}

int softmax_of(Job& job) {
  job.integers({1});
  job.integers({0});
  job.integers({0});
  return finish(kernel_softmax);
}

int argmax_of(Order order, Job::Shape shape, Job::Shape out) {
  Job& job = jobs[n_jobs];
  job.input(order, shape);
  job.output(Order::dense, out, DType::int64);
  job.integers({1});
  job.integers({0});
  return finish(kernel_argmax);
}

// `window` is kernel size, stride and padding.
int window_of(const Kernel& kernel, int size, int channels, int window, int stride, int padding) {
  Job& job = image(size, channels, (size + 2 * padding - window) / stride + 1);
  job.integers({window, window});
  job.integers({stride, stride});
  job.integers({padding, padding});
  job.integers({0});
  if (&kernel == &kernel_max_pool2d) {
    job.integers({1, 1});
  } else {
    job.integers({1});
    job.integers({0});
  }
  return finish(kernel);
}

// What both modes have: sizes, scales left to them, a flag.
Job& upsampled(int size, int channels, int out) {
  Job& job = image(size, channels, out);
  job.integers({out, out});
  job.reals({0, 0});
  job.integers({0});
  return job;
}

// The copy of `bytes` bytes, as a kernel: what no operator that moves as much can beat by far.
Code check_memcpy(Call&) { return Code::ok; }
Code run_memcpy(Call& call) {
  std::memcpy(call.out().data, call.in(0).data, call.out().numel);
  return Code::ok;
}

}  // namespace

WTW_KERNEL(memcpy, check_memcpy, run_memcpy);

}  // namespace wtw

using namespace wtw;

WTW_EXPORT(bench_memcpy) int bench_memcpy(int bytes) {
  Job& job = jobs[n_jobs];
  job.input(Order::dense, {bytes}, DType::uint8);
  job.output(Order::dense, {bytes}, DType::uint8);
  return finish(kernel_memcpy);
}

#define UNARY(name)                                                \
  WTW_EXPORT(bench_##name) int bench_##name(int n) {               \
    return pointwise_of(kernel_##name, job_of(Order::dense, {n})); \
  }
UNARY(exp)
UNARY(gelu)
UNARY(hardswish)
UNARY(log)
UNARY(relu)
UNARY(sigmoid)
UNARY(silu)
UNARY(tanh)

WTW_EXPORT(bench_add) int bench_add(int n) {
  Job& job = job_of(Order::dense, {n});
  job.input(Order::dense, {n});
  return pointwise_of(kernel_add, job);
}

WTW_EXPORT(bench_add_int64) int bench_add_int64(int n) {
  Job& job = jobs[n_jobs];
  job.input(Order::dense, {n}, DType::int64);
  job.input(Order::dense, {n}, DType::int64);
  job.output(Order::dense, {n}, DType::int64);
  pointwise_attributes(job, DType::int64);
  return finish(kernel_add);
}

// A bias or scale of each last-axis element.
WTW_EXPORT(bench_add_row) int bench_add_row(int rows, int length) {
  Job& job = matrix(rows, length);
  job.input(Order::dense, {length});
  return pointwise_of(kernel_add, job);
}

// A number for each row.
WTW_EXPORT(bench_mul_column) int bench_mul_column(int rows, int length) {
  Job& job = matrix(rows, length);
  job.input(Order::dense, {rows, 1});
  return pointwise_of(kernel_mul, job);
}

// Squeeze-excite: an image times a number a channel.
WTW_EXPORT(bench_mul_gate) int bench_mul_gate(int size, int channels) {
  Job& job = image(size, channels);
  job.input(Order::channels_last, {1, channels, 1, 1});
  return pointwise_of(kernel_mul, job);
}

WTW_EXPORT(bench_layer_norm) int bench_layer_norm(int rows, int length) {
  return norm_of(kernel_layer_norm, rows, length, 2);
}

WTW_EXPORT(bench_rms_norm) int bench_rms_norm(int rows, int length) {
  return norm_of(kernel_rms_norm, rows, length, 1);
}

WTW_EXPORT(bench_group_norm) int bench_group_norm(int size, int channels, int groups) {
  Job& job = scaled_image(size, channels);
  job.integers({groups});
  job.real(1e-5);
  return finish(kernel_group_norm);
}

WTW_EXPORT(bench_batch_norm) int bench_batch_norm(int size, int channels) {
  scaled_image(size, channels);
  return finish(kernel_batch_norm);
}

WTW_EXPORT(bench_softmax) int bench_softmax(int rows, int length) {
  return softmax_of(matrix(rows, length));
}

// Over the middle axis.
WTW_EXPORT(bench_softmax_columns) int bench_softmax_columns(int length, int inner) {
  return softmax_of(job_of(Order::dense, {1, length, inner}));
}

// Over height and width.
WTW_EXPORT(bench_mean) int bench_mean(int size, int channels) {
  Job& job = jobs[n_jobs];
  job.input(Order::channels_last, {1, channels, size, size});
  job.output(Order::dense, {1, channels, 1, 1});
  job.integers({2, 3});
  job.integers({1});
  return finish(kernel_mean);
}

WTW_EXPORT(bench_mean_rows) int bench_mean_rows(int rows, int length) {
  Job& job = job_of(Order::dense, {rows, length}, {rows, 1});
  job.integers({1});
  job.integers({1});
  return finish(kernel_mean);
}

WTW_EXPORT(bench_adaptive_avg_pool2d) int bench_adaptive_avg_pool2d(int size, int channels) {
  Job& job = image(size, channels, 1);
  job.integers({1, 1});
  return finish(kernel_adaptive_avg_pool2d);
}

WTW_EXPORT(bench_max_pool2d)
int bench_max_pool2d(int size, int channels, int window, int stride, int padding) {
  return window_of(kernel_max_pool2d, size, channels, window, stride, padding);
}

WTW_EXPORT(bench_avg_pool2d)
int bench_avg_pool2d(int size, int channels, int window, int stride, int padding) {
  return window_of(kernel_avg_pool2d, size, channels, window, stride, padding);
}

// Images of equal size, along their channels, which lie innermost.
WTW_EXPORT(bench_cat) int bench_cat(int size, int channels, int inputs) {
  Job& job = jobs[n_jobs];
  for (int i = 0; i < inputs; ++i) job.input(Order::channels_last, {1, channels, size, size});
  job.output(Order::channels_last, {1, int64_t{channels} * inputs, size, size});
  job.integers({1});
  return finish(kernel_cat);
}

// Half of the channels, which lie innermost.
WTW_EXPORT(bench_slice) int bench_slice(int size, int channels) {
  Job& job = jobs[n_jobs];
  Tensor& x = job.input(Order::channels_last, {1, channels, size, size});
  x.shape[1] /= 2;
  x.numel /= 2;
  job.output(Order::channels_last, {1, channels / 2, size, size});
  return finish(kernel_copy);
}

WTW_EXPORT(bench_to_channels_last) int bench_to_channels_last(int size, int channels) {
  Job& job = jobs[n_jobs];
  job.input(Order::dense, {1, channels, size, size});
  job.output(Order::channels_last, {1, channels, size, size});
  return finish(kernel_copy);
}

WTW_EXPORT(bench_from_channels_last) int bench_from_channels_last(int size, int channels) {
  Job& job = jobs[n_jobs];
  job.input(Order::channels_last, {1, channels, size, size});
  job.output(Order::dense, {1, channels, size, size});
  return finish(kernel_copy);
}

// A matrix of elements of 1, 2, 4 or 8 bytes.
WTW_EXPORT(bench_transpose) int bench_transpose(int rows, int columns, int item) {
  Job& job = jobs[n_jobs];
  const DType dtype = item == 8   ? DType::int64
                      : item == 4 ? DType::float32
                      : item == 2 ? DType::float16
                                  : DType::uint8;
  Tensor& x = job.input(Order::dense, {columns, rows}, dtype);
  std::swap(x.shape[0], x.shape[1]);
  std::swap(x.stride[0], x.stride[1]);
  job.output(Order::dense, {rows, columns}, dtype);
  return finish(kernel_copy);
}

// (1, length, heads, depth) to (1, heads, length, depth).
WTW_EXPORT(bench_split_heads) int bench_split_heads(int length, int heads, int depth) {
  Job& job = jobs[n_jobs];
  Tensor& x = job.input(Order::dense, {1, length, heads, depth});
  std::swap(x.shape[1], x.shape[2]);
  std::swap(x.stride[1], x.stride[2]);
  job.output(Order::dense, {1, heads, length, depth});
  return finish(kernel_copy);
}

WTW_EXPORT(bench_constant_pad_nd) int bench_constant_pad_nd(int size, int channels) {
  Job& job = image(size, channels, size + 2);
  job.input(Order::dense, {1});
  job.integers({1, 1, 1, 1});
  return finish(kernel_constant_pad_nd);
}

WTW_EXPORT(bench_upsample_bilinear2d)
int bench_upsample_bilinear2d(int size, int channels, int out) {
  upsampled(size, channels, out).integers({0});
  return finish(kernel_upsample_bilinear2d);
}

WTW_EXPORT(bench_upsample_nearest2d) int bench_upsample_nearest2d(int size, int channels, int out) {
  upsampled(size, channels, out);
  return finish(kernel_upsample_nearest2d);
}

WTW_EXPORT(bench_argmax) int bench_argmax(int rows, int length) {
  return argmax_of(Order::dense, {rows, length}, {rows});
}

// Over the channels of an image, which lie innermost: segmentation.
WTW_EXPORT(bench_argmax_channels) int bench_argmax_channels(int size, int channels) {
  return argmax_of(Order::channels_last, {1, channels, size, size}, {1, size, size});
}

WTW_EXPORT(bench_topk) int bench_topk(int rows, int length, int k) {
  Job& job = jobs[n_jobs];
  job.input(Order::dense, {rows, length});
  job.output(Order::dense, {rows, k});
  job.output(Order::dense, {rows, k}, DType::int64);
  job.integers({k});
  job.integers({1});
  job.integers({1});
  return finish(kernel_topk);
}

WTW_EXPORT(bench_cumsum) int bench_cumsum(int rows, int length) {
  matrix(rows, length).integers({1});
  return finish(kernel_cumsum);
}

// From a packed table, as one that a last layer shares is.
WTW_EXPORT(bench_embedding) int bench_embedding(int rows, int width, int tokens, int packed) {
  Job& job = jobs[n_jobs];
  job.input(packed ? Order::panel8 : Order::dense, {rows, width});
  const Tensor& indices = job.input(Order::dense, {tokens}, DType::int64);
  for (int i = 0; i < tokens; ++i) indices.as<int64_t>()[i] = int64_t{i} * 7919 % rows;
  job.output(Order::dense, {tokens, width});
  return finish(kernel_embedding);
}

// Masked scores: a mask of a byte each.
WTW_EXPORT(bench_where) int bench_where(int rows, int length) {
  Job& job = jobs[n_jobs];
  job.input(Order::dense, {rows, length}, DType::boolean);
  job.input(Order::dense, {rows, length});
  job.input(Order::dense, {1});
  job.output(Order::dense, {rows, length});
  pointwise_attributes(job);
  return finish(kernel_where);
}
