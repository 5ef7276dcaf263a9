// integer_linear: bytes (..., K) times packed int8 weights, exactly; sums, or floats, (..., N) out.
#include <algorithm>

#include "core/kernel.h"
#include "kernels/integer_product.h"
#include "kernels/linear_rows.h"
#include "ops.h"

namespace wtw {
namespace {

using namespace integers;
namespace op = op::integer_linear;

constexpr int64_t kChunkNumbers = 64 << 10;  // that are widened
constexpr ptrdiff_t kOffset = 0;             // of the one tap

struct Sizes : LinearSizes {
  int64_t steps;
};

Sizes sizes_of(const Call& call) {
  const LinearSizes s = linear_sizes(call);
  return {s, ceil_div(s.k, kDepth)};
}

Code check(Call& call) {
  WTW_CHECK(linear_fits(call, op::columns_));
  const Tensor& y = call.out();
  const Sizes s = sizes_of(call);
  WTW_CHECK(s.k <= kMostDepth);
  WTW_CHECK(has_shape(call.in(op::weight_), {s.panels(), s.steps, kColumns, kDepth}));
  const bool floats = y.dtype == DType::float32;
  for (const int operand : {op::sums_, op::scale_, op::bias_}) {
    WTW_CHECK(call.has(operand) == floats);
    if (floats) WTW_CHECK(has_shape(call.in(operand), {s.panels() * kColumns}));
  }
  WTW_CHECK(call.has(op::row_scale_) == floats && call.has(op::row_zero_) == floats);
  if (floats) {
    const int64_t numel = call.in(op::row_scale_).numel;
    WTW_CHECK((numel == 1 || numel == s.m) && numel == call.in(op::row_zero_).numel);
  }
  call.need_scratch(s.m * s.steps * kDepth * int64_t{sizeof(int16_t)});
  return Code::ok;
}

template <class Byte>
void widen(const Byte* x, int64_t k, int16_t* out) {
  for (int64_t i = 0; i < k; ++i) out[i] = x[i];
  std::fill_n(out + k, -k & (kDepth - 1), int16_t{0});
}

Code run(Call& call) {
  const Tensor &x = call.in(op::input_), &y = call.out();
  if (y.numel == 0) return Code::ok;
  const Sizes s = sizes_of(call);
  auto* left = reinterpret_cast<int16_t*>(call.scratch());
  const bool is_signed = x.dtype == DType::int8;
  for_rows(x, s, kChunkNumbers, [&](int64_t r, int64_t at) {
    int16_t* out = left + r * s.steps * kDepth;
    is_signed ? widen(x.as<int8_t>() + at, s.k, out) : widen(x.as<uint8_t>() + at, s.k, out);
  });
  Product product = {};
  product.left = left;
  product.rows.add(s.m, {s.steps * kDepth});
  product.taps = 1;
  product.steps = s.steps;
  product.offsets = &kOffset;
  product.weights = call.in(op::weight_).as<int8_t>();
  product.output = {s.m, s.n, nullptr, nullptr, {}};
  if (y.dtype == DType::int32) {
    product.whole = y.as<int32_t>();
  } else {
    const Epilogue epilogue = epilogue_of(call, op::bias_, op::activation_, op::low_, op::high_);
    product.scale = call.in(op::scale_).as<float>();
    product.bias = epilogue.bias;
    product.row_scale = call.in(op::row_scale_).as<float>();
    product.row_zero = call.in(op::row_zero_).as<float>();
    product.sums = call.in(op::sums_).as<int32_t>();
    product.row_step = call.in(op::row_scale_).numel == 1 ? 0 : 1;
    product.output = {s.m, s.n, y.as<float>(), nullptr, epilogue};
  }
  multiply(product);
  return Code::ok;
}

}  // namespace

WTW_KERNEL(integer_linear, check, run);

}  // namespace wtw
