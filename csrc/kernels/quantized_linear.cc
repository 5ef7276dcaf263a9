// quantized_linear: input (..., K), each row made 7 bits, times int8 weights; (..., N) out.
// static_linear: the same of an input that is bytes already.
//
// All arithmetic is as the rows' references have it, in the same order: products and sums are whole
// numbers, and what follows is rounded alike in every variant.
#include <cstring>

#include "core/kernel.h"
#include "kernels/int8_epilogue.h"
#include "kernels/linear_rows.h"
#include "ops.h"

namespace wtw {
namespace {

using namespace int8;

constexpr int64_t kChunkNumbers = 32 << 10;  // that are quantised: about 20 us

// Inputs 0 and 1 are the left side and the weights.
constexpr int kInput = 0, kWeight = 1;
constexpr Names names_of_quantized() {
  using namespace op::quantized_linear;
  return {scale_, sums_, bias_, residual_, activation_, low_, high_};
}
constexpr Names names_of_static() {
  using namespace op::static_linear;
  return {scale_, sums_, bias_, residual_, activation_, low_, high_};
}

// Everything but the scratch memory.
Code check_sizes(Call& call, const Names& names, int columns) {
  WTW_CHECK(linear_fits(call, columns, names.residual));
  const LinearSizes s = linear_sizes(call);
  WTW_CHECK(s.k <= kMostDepth && columns_fit(call, names, s.n));
  WTW_CHECK(has_shape(call.in(kWeight), {s.panels(), ceil_div(s.k, kDepth), kColumns, kDepth}));
  return Code::ok;
}

int64_t left_bytes(const LinearSizes& s) { return aligned(s.m * s.k + kBehind); }

// `left` holds the rows, one after the other.
void multiply_rows(const Call& call, const LinearSizes& s, const uint8_t* left,
                   const Output& output) {
  const ptrdiff_t offset = 0;
  Product product = {s.m, s.n, left, {}, 1, s.k, &offset, call.in(kWeight).as<int8_t>()};
  product.rows.add(s.m, {s.k});
  multiply(product, output);
}

Code check_quantized(Call& call) {
  namespace op = op::quantized_linear;
  if (Code code = check_sizes(call, names_of_quantized(), op::columns_); code != Code::ok) {
    return code;
  }
  const LinearSizes s = linear_sizes(call);
  call.need_scratch(left_bytes(s) + s.m * int64_t{sizeof(Scale)});
  return Code::ok;
}

Code run_quantized(Call& call) {
  const Tensor& x = call.in(kInput);
  if (call.out().numel == 0) return Code::ok;
  const LinearSizes s = linear_sizes(call);
  uint8_t* left = reinterpret_cast<uint8_t*>(call.scratch());
  auto* scales = reinterpret_cast<Scale*>(call.scratch() + left_bytes(s));
  std::memset(left + s.m * s.k, 0, kBehind);
  for_rows(x, s, kChunkNumbers, [&](int64_t r, int64_t offset) {
    const float* row = x.as<float>() + offset;
    scales[r] = scale_of(range_of(row, s.k));
    round_bytes(scales[r], row, s.k, left + r * s.k);
  });
  multiply_rows(call, s, left, output_of(call, names_of_quantized(), s.n, scales, 1));
  return Code::ok;
}

Code check_static(Call& call) {
  namespace op = op::static_linear;
  if (Code code = check_sizes(call, names_of_static(), op::columns_); code != Code::ok) return code;
  WTW_CHECK(bytes_fit(call, names_of_static(), op::zero_, op::dtype_));
  const LinearSizes s = linear_sizes(call);
  if (s.k % kDepth != 0) call.need_scratch(left_bytes(s));
  return Code::ok;
}

Code run_static(Call& call) {
  namespace op = op::static_linear;
  if (call.out().numel == 0) return Code::ok;
  const LinearSizes s = linear_sizes(call);
  const uint8_t* left = call.in(kInput).as<uint8_t>();
  if (s.k % kDepth != 0) {  // what lies behind the last row is read too
    auto* copy = reinterpret_cast<uint8_t*>(call.scratch());
    std::memset(std::copy_n(left, s.m * s.k, copy), 0, kBehind);
    left = copy;
  }
  const Scale scale = {1, 1, static_cast<int32_t>(call.integer(op::zero_))};
  Output output = output_of(call, names_of_static(), s.n, &scale, 0);
  output.residual_scale = static_cast<float>(call.real(op::residual_scale_));
  multiply_rows(call, s, left, output);
  return Code::ok;
}

}  // namespace

WTW_KERNEL(quantized_linear, check_quantized, run_quantized);
WTW_KERNEL(static_linear, check_static, run_static);

}  // namespace wtw
