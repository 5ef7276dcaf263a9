// quantize: floats to bytes by a fixed scale; dequantize: back, of 7 bits.
#include "core/kernel.h"
#include "kernels/axis.h"
#include "kernels/int8_bytes.h"
#include "ops.h"

namespace wtw {
namespace {

using namespace int8;
using simd::f32x4;

constexpr int64_t kChunk = 64 << 10;
constexpr int64_t kBlock = 8;

Code check_quantize(Call& call) {
  namespace op = op::quantize;
  const int64_t zero = call.integer(op::zero_);
  const int64_t low = call.integer(op::low_), high = call.integer(op::high_);
  const bool is_signed = call.out().dtype == DType::int8;
  WTW_CHECK(same_layout(call.in(0), call.out()) && call.out().dtype == call.dtype(op::dtype_));
  WTW_CHECK(low >= (is_signed ? INT8_MIN : 0) && high <= (is_signed ? INT8_MAX : UINT8_MAX));
  WTW_CHECK(low <= zero && zero <= high);
  return Code::ok;
}

Code run_quantize(Call& call) {
  namespace op = op::quantize;
  const float* x = call.in(0).as<float>();
  auto* y = reinterpret_cast<uint8_t*>(call.out().data);
  const float inverse = static_cast<float>(call.real(op::inverse_));
  const Scale scale = {1, inverse, static_cast<int32_t>(call.integer(op::zero_))};
  const Bounds bounds = {static_cast<int32_t>(call.integer(op::low_)),
                         static_cast<int32_t>(call.integer(op::high_)),
                         call.out().dtype == DType::int8};
  parallel_ranges(call.out().numel, kChunk, [&](int64_t begin, int64_t end, int) {
    round_bytes(scale, x + begin, end - begin, y + begin, bounds);
  });
  return Code::ok;
}

Code check_dequantize(Call& call) {
  const int64_t zero = call.integer(op::dequantize::zero_);
  WTW_CHECK(same_layout(call.in(0), call.out()) && zero >= 0 && zero <= kMost);
  return Code::ok;
}

Code run_dequantize(Call& call) {
  const uint8_t* x = call.in(0).as<uint8_t>();
  float* y = call.out().as<float>();
  const float zero = static_cast<float>(call.integer(op::dequantize::zero_));
  const float scale = static_cast<float>(call.real(op::dequantize::scale_));
  const auto four = [&](v128_t whole) {
    const f32x4 steps = simd::sub(wasm_f32x4_convert_i32x4(whole), simd::splat(zero));
    return simd::mul(steps, simd::splat(scale));
  };
  parallel_ranges(call.out().numel, kChunk, [&](int64_t i, int64_t end, int) {
    for (; i + kBlock <= end; i += kBlock) {
      const v128_t whole = wasm_u16x8_load8x8(x + i);
      simd::store(y + i, four(wasm_u32x4_extend_low_u16x8(whole)));
      simd::store(y + i + 4, four(wasm_u32x4_extend_high_u16x8(whole)));
    }
    for (; i < end; ++i) y[i] = (static_cast<float>(x[i]) - zero) * scale;
  });
  return Code::ok;
}

}  // namespace

WTW_KERNEL(quantize, check_quantize, run_quantize);
WTW_KERNEL(dequantize, check_dequantize, run_dequantize);

}  // namespace wtw
