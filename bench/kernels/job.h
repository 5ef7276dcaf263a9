// Operands and attributes in, a kernel's call that can be repeated out: no plan, no session.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <initializer_list>

#include "core/kernel.h"

namespace wtw {

enum class Order { dense, channels_last, panel8 };

class Job {
 public:
  using Shape = std::initializer_list<int64_t>;

  Tensor& input(Order order, Shape shape, DType dtype = DType::float32) {
    Tensor& t = add(order, shape, dtype);
    in_[n_in_++] = &t;
    return t;
  }
  // Packed weights in groups.
  void input(Order order, Shape shape, int64_t groups) {
    in_[n_in_++] = &add(order, shape, DType::float32, groups);
  }
  void absent() { in_[n_in_++] = nullptr; }
  Tensor& output(Order order, Shape shape, DType dtype = DType::float32) {
    Tensor& t = add(order, shape, dtype);
    out_[n_out_++] = &t;
    return t;
  }
  void integers(Shape values) {
    int64_t* list = static_cast<int64_t*>(std::malloc(values.size() * sizeof(int64_t)));
    std::copy(values.begin(), values.end(), list);
    attrs_[n_attrs_++] = {list, nullptr, static_cast<int64_t>(values.size())};
  }
  void reals(std::initializer_list<double> values) {
    double* list = static_cast<double*>(std::malloc(values.size() * sizeof(double)));
    std::copy(values.begin(), values.end(), list);
    attrs_[n_attrs_++] = {nullptr, list, static_cast<int64_t>(values.size())};
  }
  void real(double value) { reals({value}); }
  void activation(int64_t kind) {
    integers({kind});
    real(-__builtin_inf());
    real(__builtin_inf());
  }

  bool check(const Kernel& kernel) {
    kernel_ = &kernel;
    call_.in_ = in_;
    call_.out_ = out_;
    call_.attrs_ = attrs_;
    call_.n_in = n_in_;
    call_.n_out = n_out_;
    call_.n_attr = n_attrs_;
    call_.failure = &failure_;
    if (kernel.check(call_) != Code::ok) return false;
    call_.scratch_base = allocate(call_.scratch_room(1));
    return true;
  }
  void run() { kernel_->run(call_); }

 private:
  static constexpr int kMaxOperands = 8, kMaxAttrs = 12;

  static std::byte* allocate(int64_t bytes) {
    return static_cast<std::byte*>(std::aligned_alloc(64, (bytes + 64) / 64 * 64));
  }

  Tensor& add(Order order, Shape shape, DType dtype, int64_t groups = 1) {
    Tensor& t = tensors_[n_tensors_++];
    t.rank = static_cast<int32_t>(shape.size());
    t.dtype = dtype;
    std::copy(shape.begin(), shape.end(), t.shape);
    t.numel = 1;
    for (int64_t size : shape) t.numel *= size;
    t.layout = order == Order::panel8 ? Layout::panel8 : Layout::plain;
    t.groups = order == Order::panel8 ? groups : 0;
    set_strides(t, order);
    const int64_t rows = (t.shape[0] / groups + 7) / 8 * 8 * groups;
    const int64_t elements = order == Order::panel8 ? rows * (t.numel / t.shape[0]) : t.numel;
    t.data = allocate(elements * size_of(dtype));
    fill(t, elements);
    return t;
  }

  // Floats in [-1, 1): no denormals, no growth. Anything else is 0.
  static void fill(const Tensor& t, int64_t n) {
    uint32_t state = 1;
    for (int64_t i = 0; i < n; ++i) {
      state = state * 1664525u + 1013904223u;
      const float x = static_cast<float>(static_cast<int32_t>(state)) * 0x1p-31f;
      if (t.dtype == DType::float32) t.as<float>()[i] = x;
      if (t.dtype == DType::int64) t.as<int64_t>()[i] = 0;
    }
  }

  static void set_strides(Tensor& t, Order order) {
    constexpr int channels_last[4] = {1, 3, 2, 0};
    int64_t step = 1;
    for (int i = 0; i < t.rank; ++i) {
      const int axis = order == Order::channels_last ? channels_last[i] : t.rank - 1 - i;
      t.stride[axis] = order == Order::panel8 ? 0 : step;
      step *= t.shape[axis];
    }
  }

  Tensor tensors_[kMaxOperands] = {};
  const Tensor *in_[kMaxOperands] = {}, *out_[kMaxOperands] = {};
  Attr attrs_[kMaxAttrs] = {};
  uint32_t n_tensors_ = 0, n_in_ = 0, n_out_ = 0, n_attrs_ = 0;
  const Kernel* kernel_ = nullptr;
  Failure failure_;
  Call call_;
};

inline Job jobs[256];
inline int n_jobs = 0;

// The number of the job, or -1 where the kernel refuses it.
inline int finish(const Kernel& kernel) { return jobs[n_jobs].check(kernel) ? n_jobs++ : -1; }

}  // namespace wtw
