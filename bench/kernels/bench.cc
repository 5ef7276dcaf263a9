// Operators by shape in, repeated runs out: the kernels that ship, without plan or session.
//
// Exported functions make a job and give its number; bench_run repeats one. Linked with the very
// objects of the runtime (relaxed SIMD, one thread).
#include <cstdlib>
#include <initializer_list>

#include "api.h"
#include "core/kernel.h"
#include "core/simd.h"
#include "ops.h"

namespace wtw {

extern const Kernel kernel_linear, kernel_conv2d, kernel_depthwise_conv2d,
    kernel_scaled_dot_product_attention;

namespace {

constexpr int kMaxJobs = 64, kMaxOperands = 6, kMaxAttrs = 12;
constexpr double kInfinity = __builtin_inf();

enum class Order { dense, channels_last, panel8 };

// Numbers in [-1, 1): no denormals, no growth.
void fill(float* data, int64_t n) {
  uint32_t state = 1;
  for (int64_t i = 0; i < n; ++i) {
    state = state * 1664525u + 1013904223u;
    data[i] = static_cast<float>(static_cast<int32_t>(state)) * 0x1p-31f;
  }
}

class Job {
 public:
  void input(Order order, std::initializer_list<int64_t> shape) {
    in_[n_in_] = &add(order, shape);
    ++n_in_;
  }
  void absent() { in_[n_in_++] = nullptr; }
  void output(Order order, std::initializer_list<int64_t> shape) { out_ = &add(order, shape); }
  void integers(std::initializer_list<int64_t> values) {
    int64_t* list = static_cast<int64_t*>(std::malloc(values.size() * sizeof(int64_t)));
    std::copy(values.begin(), values.end(), list);
    attrs_[n_attrs_++] = {list, nullptr, static_cast<int64_t>(values.size())};
  }
  void real(double value) {
    double* one = static_cast<double*>(std::malloc(sizeof(double)));
    *one = value;
    attrs_[n_attrs_++] = {nullptr, one, 1};
  }
  void activation(int64_t kind) {
    integers({kind});
    real(-kInfinity);
    real(kInfinity);
  }

  bool check(const Kernel& kernel) {
    kernel_ = &kernel;
    call_.in_ = in_;
    call_.out_ = &out_;
    call_.attrs_ = attrs_;
    call_.n_in = n_in_;
    call_.n_out = 1;
    call_.n_attr = n_attrs_;
    call_.failure = &failure_;
    if (kernel.check(call_) != Code::ok) return false;
    const size_t bytes = call_.scratch_bytes + 64 + call_.worker_bytes;
    call_.scratch_base = static_cast<std::byte*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64));
    return true;
  }
  void run() { kernel_->run(call_); }

 private:
  Tensor& add(Order order, std::initializer_list<int64_t> shape) {
    Tensor& t = tensors_[n_tensors_++];
    t.rank = static_cast<int32_t>(shape.size());
    std::copy(shape.begin(), shape.end(), t.shape);
    t.numel = 1;
    for (int64_t size : shape) t.numel *= size;
    t.layout = order == Order::panel8 ? Layout::panel8 : Layout::plain;
    t.groups = order == Order::panel8 ? 1 : 0;
    set_strides(t, order);
    const int64_t floats =
        order == Order::panel8 ? (t.shape[0] + 7) / 8 * 8 * (t.numel / t.shape[0]) : t.numel;
    t.data = static_cast<std::byte*>(std::aligned_alloc(64, (floats * 4 + 63) / 64 * 64));
    fill(t.as<float>(), floats);
    return t;
  }
  static void set_strides(Tensor& t, Order order) {
    constexpr int dense[4] = {3, 2, 1, 0}, channels_last[4] = {1, 3, 2, 0};
    const int* inner_first = order == Order::channels_last ? channels_last : dense + 4 - t.rank;
    int64_t step = 1;
    for (int i = 0; i < t.rank; ++i) {
      t.stride[inner_first[i]] = order == Order::panel8 ? 0 : step;
      step *= t.shape[inner_first[i]];
    }
  }

  Tensor tensors_[kMaxOperands] = {};
  const Tensor* in_[kMaxOperands] = {};
  const Tensor* out_ = nullptr;
  Attr attrs_[kMaxAttrs] = {};
  uint32_t n_tensors_ = 0, n_in_ = 0, n_attrs_ = 0;
  const Kernel* kernel_ = nullptr;
  Failure failure_;
  Call call_;
};

Job jobs[kMaxJobs];
int n_jobs = 0;

// The number of the job, or -1 where the kernel refuses it.
int finish(const Kernel& kernel) { return jobs[n_jobs].check(kernel) ? n_jobs++ : -1; }

}  // namespace
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

WTW_EXPORT(bench_conv2d)
int bench_conv2d(int size, int channels, int out_channels, int kernel, int stride, int padding) {
  Job& job = jobs[n_jobs];
  const int64_t out = (size + 2 * padding - kernel) / stride + 1;
  job.input(Order::channels_last, {1, channels, size, size});
  job.input(Order::panel8, {out_channels, kernel, kernel, channels});
  job.input(Order::dense, {out_channels});
  job.absent();
  job.output(Order::channels_last, {1, out_channels, out, out});
  job.integers({stride, stride});
  job.integers({padding, padding});
  job.integers({1, 1});
  job.integers({1});
  job.activation(static_cast<int64_t>(op::conv2d::Activation::relu));
  return finish(kernel_conv2d);
}

WTW_EXPORT(bench_depthwise)
int bench_depthwise(int size, int channels, int kernel, int stride) {
  Job& job = jobs[n_jobs];
  const int64_t padding = kernel / 2, out = (size + 2 * padding - kernel) / stride + 1;
  job.input(Order::channels_last, {1, channels, size, size});
  job.input(Order::dense, {kernel, kernel, channels});
  job.input(Order::dense, {channels});
  job.absent();
  job.output(Order::channels_last, {1, channels, out, out});
  job.integers({stride, stride});
  job.integers({padding, padding});
  job.integers({1, 1});
  job.activation(static_cast<int64_t>(op::depthwise_conv2d::Activation::relu));
  return finish(kernel_depthwise_conv2d);
}

WTW_EXPORT(bench_attention) int bench_attention(int heads, int length, int depth) {
  Job& job = jobs[n_jobs];
  for (int i = 0; i < 3; ++i) job.input(Order::dense, {1, heads, length, depth});
  job.absent();
  job.output(Order::dense, {1, length, heads, depth});
  job.integers({0});
  job.real(1.0 / __builtin_sqrt(depth));
  job.integers({0});
  return finish(kernel_scaled_dot_product_attention);
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
