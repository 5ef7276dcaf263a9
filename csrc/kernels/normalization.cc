// layer_norm and rms_norm: rows in, rows of mean 0 and variance 1 (or of mean square 1) out.
#include "kernels/normalization.h"

#include <cmath>

#include "core/convert.h"
#include "core/kernel.h"
#include "kernels/axis.h"
#include "ops.h"

namespace wtw {
namespace {

constexpr int kInput = 0, kWeight = 1, kBias = 2;  // of both; rms_norm has no bias

struct Plan {
  int64_t count, length;  // rows, and their elements
  double eps;
  bool centered;  // layer_norm
};

template <class T>
void normalize_row(const Plan& plan, const T* x, T* y, const T* weight, const T* bias) {
  using namespace normalization;
  const double n = static_cast<double>(plan.length);
  const T mean = plan.centered ? static_cast<T>(sum(x, plan.length) / n) : T{0};
  const double variance = sum_of_squares(x, plan.length, mean) / n;
  const T scale = static_cast<T>(1 / std::sqrt(variance + plan.eps));
  scale_row(x, y, plan.length, mean, scale, weight, bias);
}

template <class T>
const T* optional(const Call& call, int operand) {
  return call.has(operand) ? call.in(operand).as<T>() : nullptr;
}

template <class T>
void normalize_rows(const Call& call, const Plan& plan, int64_t begin, int64_t end) {
  const T *x = call.in(kInput).as<T>(), *weight = optional<T>(call, kWeight);
  T* y = call.out().as<T>();
  for (int64_t i = begin * plan.length; i < end * plan.length; i += plan.length) {
    normalize_row(plan, x + i, y + i, weight, optional<T>(call, kBias));
  }
}

// float16 and bfloat16: computed in float32, rounded once.
void normalize_half_rows(const Call& call, const Plan& plan, int64_t begin, int64_t end,
                         float* row) {
  const Tensor &x = call.in(kInput), &y = call.out();
  const int64_t bytes = plan.length * size_of(x.dtype);
  for (int64_t i = begin * bytes; i < end * bytes; i += bytes) {
    load_as(DType::float32, row, x.dtype, x.data + i, plan.length);
    normalize_row(plan, row, row, optional<float>(call, kWeight), optional<float>(call, kBias));
    store_as(y.dtype, y.data + i, DType::float32, row, plan.length);
  }
}

Code check_rows(Call& call, std::span<const int64_t> normalized_shape, double eps, bool centered) {
  const Tensor &x = call.in(kInput), &y = call.out();
  const int axes = static_cast<int>(normalized_shape.size());
  WTW_CHECK(same_shape(x, y) && x.dtype == y.dtype && axes >= 1 && axes <= x.rank);
  int64_t length = 1;
  for (int i = 0; i < axes; ++i) {
    WTW_CHECK(normalized_shape[i] == x.shape[x.rank - axes + i]);
    length *= normalized_shape[i];
  }
  const DType wide = x.dtype == DType::float64 ? DType::float64 : DType::float32;
  for (int i = kWeight; i < call.inputs(); ++i) {
    if (!call.has(i)) continue;
    WTW_CHECK(call.in(i).dtype == wide && call.in(i).numel == length);
  }
  if (x.numel == 0) return Code::ok;
  call.memo<Plan>() = {x.numel / length, length, eps, centered};
  if (size_of(x.dtype) == 2) call.need_worker_scratch(length * static_cast<int64_t>(sizeof(float)));
  return Code::ok;
}

Code check_layer_norm(Call& call) {
  using namespace op::layer_norm;
  return check_rows(call, call.integers(normalized_shape_), call.real(eps_), true);
}

Code check_rms_norm(Call& call) {
  using namespace op::rms_norm;
  return check_rows(call, call.integers(normalized_shape_), call.real(eps_), false);
}

Code run_rows(Call& call) {
  if (call.out().numel == 0) return Code::ok;
  const Plan plan = call.memo<Plan>();
  const int64_t grain = normalization::kGrain / plan.length;
  parallel_ranges(plan.count, grain, [&](int64_t begin, int64_t end, int worker) {
    switch (call.out().dtype) {
      case DType::float32:
        return normalize_rows<float>(call, plan, begin, end);
      case DType::float64:
        return normalize_rows<double>(call, plan, begin, end);
      default: {
        float* row = reinterpret_cast<float*>(call.worker_scratch(worker));
        return normalize_half_rows(call, plan, begin, end, row);
      }
    }
  });
  return Code::ok;
}
}  // namespace

WTW_KERNEL(layer_norm, check_layer_norm, run_rows);
WTW_KERNEL(rms_norm, check_rms_norm, run_rows);

}  // namespace wtw
