// layer_norm and rms_norm: rows in, rows of mean 0 and variance 1 (or of mean square 1) out.
// 16-bit floats are computed in float32 and rounded once.
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

void normalize_row(const Plan& plan, const float* x, float* y, const float* weight,
                   const float* bias) {
  const double n = static_cast<double>(plan.length);
  const float mean = plan.centered ? static_cast<float>(rows::sum(x, plan.length) / n) : 0;
  const double variance = rows::sum_of_squares(x, plan.length, mean) / n;
  const float scale = static_cast<float>(1 / std::sqrt(variance + plan.eps));
  normalization::scale_row(x, y, plan.length, mean, scale, weight, bias);
}

const float* optional(const Call& call, int operand) {
  return call.has(operand) ? call.in(operand).as<float>() : nullptr;
}

Code check_rows(Call& call, std::span<const int64_t> normalized_shape, double eps, bool centered) {
  const Tensor &x = call.in(kInput), &y = call.out();
  const int axes = static_cast<int>(normalized_shape.size());
  WTW_CHECK(same_shape(x, y) && x.dtype == y.dtype && axes >= 1 && axes <= x.rank);
  WTW_CHECK(std::equal(normalized_shape.begin(), normalized_shape.end(), x.shape + x.rank - axes));
  if (x.numel == 0) return Code::ok;
  int64_t length = 1;
  for (int64_t size : normalized_shape) length *= size;
  for (int i = kWeight; i < call.inputs(); ++i) {
    WTW_CHECK(!call.has(i) || call.in(i).numel == length);
  }
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
  const Tensor &x = call.in(kInput), &y = call.out();
  if (y.numel == 0) return Code::ok;
  const Plan plan = call.memo<Plan>();
  const float *weight = optional(call, kWeight), *bias = optional(call, kBias);
  const int64_t bytes = plan.length * size_of(x.dtype), grain = normalization::kGrain / plan.length;
  parallel_ranges(plan.count, grain, [&](int64_t begin, int64_t end, int worker) {
    float* scratch = reinterpret_cast<float*>(call.worker_scratch(worker));
    for (int64_t i = begin * bytes; i < end * bytes; i += bytes) {
      const bool direct = x.dtype == DType::float32;
      const float* from = direct ? reinterpret_cast<const float*>(x.data + i) : scratch;
      float* to = direct ? reinterpret_cast<float*>(y.data + i) : scratch;
      if (!direct) load_as(DType::float32, scratch, x.dtype, x.data + i, plan.length);
      normalize_row(plan, from, to, weight, bias);
      if (!direct) store_as(y.dtype, y.data + i, DType::float32, scratch, plan.length);
    }
  });
  return Code::ok;
}
}  // namespace

WTW_KERNEL(layer_norm, check_layer_norm, run_rows);
WTW_KERNEL(rms_norm, check_rms_norm, run_rows);

}  // namespace wtw
