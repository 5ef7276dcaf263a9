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

constexpr int64_t kFloat = sizeof(float);
constexpr int kInput = 0, kWeight = 1, kBias = 2;  // of both; rms_norm has no bias

struct Plan {
  int64_t count, length;  // rows, and their elements
  double eps;
  bool centered;  // layer_norm
};

// Rows whose sums are made before any is scaled: a sum does not wait for the root before it.
constexpr int64_t kTogether = 4;

// `rows` rows of x, one behind the other, to y; at most kTogether of them.
void normalize_rows(const Plan& plan, int64_t rows, const float* x, float* y, const float* weight,
                    const float* bias) {
  const int64_t n = plan.length;
  const double part = 1 / static_cast<double>(n);
  float mean[kTogether] = {}, scale[kTogether];
  for (int64_t r = 0; r < rows && plan.centered; ++r) {
    mean[r] = static_cast<float>(rows::sum(x + r * n, n) * part);
  }
  for (int64_t r = 0; r < rows; ++r) {
    const double variance = rows::sum_of_squares(x + r * n, n, mean[r]) * part;
    scale[r] = static_cast<float>(1 / std::sqrt(variance + plan.eps));
  }
  for (int64_t r = 0; r < rows; ++r) {
    normalization::scale_row(x + r * n, y + r * n, n, mean[r], scale[r], weight, bias);
  }
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
  const int64_t rows = std::clamp<int64_t>(normalization::kGrain / length, 1, kTogether);
  if (size_of(x.dtype) == 2) call.need_worker_scratch(rows * length * kFloat);
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
  const int64_t length = plan.length, item = size_of(x.dtype);
  parallel_ranges(plan.count, normalization::kGrain / length,
                  [&](int64_t begin, int64_t end, int worker) {
                    float* scratch = reinterpret_cast<float*>(call.worker_scratch(worker));
                    for (int64_t i = begin; i < end; i += kTogether) {
                      const int64_t rows = std::min(kTogether, end - i), n = rows * length;
                      const std::byte* from = x.data + i * length * item;
                      std::byte* to = y.data + i * length * item;
                      if (x.dtype == DType::float32) {
                        normalize_rows(plan, rows, reinterpret_cast<const float*>(from),
                                       reinterpret_cast<float*>(to), weight, bias);
                        continue;
                      }
                      load_as(DType::float32, scratch, x.dtype, from, n);
                      normalize_rows(plan, rows, scratch, scratch, weight, bias);
                      store_as(y.dtype, to, DType::float32, scratch, n);
                    }
                  });
  return Code::ok;
}
}  // namespace

WTW_KERNEL(layer_norm, check_layer_norm, run_rows);
WTW_KERNEL(rms_norm, check_rms_norm, run_rows);

}  // namespace wtw
