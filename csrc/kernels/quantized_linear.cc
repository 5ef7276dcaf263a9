// quantized_linear: input (..., K), each row made 7 bits, times int8 weights; (..., N) out.
// static_linear: the same of an input that is bytes already.
//
// All arithmetic is as the rows' references have it, in the same order: products and sums are whole
// numbers, and what follows is rounded alike in every variant.
#include <cstring>

#include "core/kernel.h"
#include "kernels/int8_epilogue.h"
#include "kernels/odometer.h"
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

struct Sizes {
  int64_t m, n, k;

  int64_t left_bytes() const { return aligned(m * k + kBehind); }
};

Sizes sizes_of(const Call& call) {
  const Tensor& y = call.out();
  const int64_t n = y.size(-1);
  return {n > 0 ? y.numel / n : 0, n, call.in(kInput).size(-1)};
}

// Everything but the scratch memory.
Code check_sizes(Call& call, const Names& names, int64_t columns) {
  const Tensor &x = call.in(kInput), &w = call.in(kWeight), &y = call.out();
  WTW_CHECK(x.rank >= 1 && y.rank == x.rank && w.rank == 4);
  WTW_CHECK(std::equal(x.shape, x.shape + x.rank - 1, y.shape));
  const Sizes s = sizes_of(call);
  WTW_CHECK(s.k >= 1 && s.k <= kMostDepth && columns == s.n);
  WTW_CHECK(w.shape[0] == ceil_div(s.n, kColumns) && w.shape[1] == ceil_div(s.k, kDepth));
  WTW_CHECK(w.shape[2] == kColumns && w.shape[3] == kDepth);
  WTW_CHECK(columns_fit(call, names, s.n));
  if (call.has(names.residual)) WTW_CHECK(same_shape(call.in(names.residual), y));
  return Code::ok;
}

// `left` holds the rows, one after the other.
void multiply_rows(const Call& call, const Sizes& s, const uint8_t* left, const Output& output) {
  const ptrdiff_t offset = 0;
  const Product product = {s.m, s.n, 1, s.k, &offset, call.in(kWeight).as<int8_t>()};
  const gemm::Blocking cut = product.blocking();
  pool::parallel(cut.chunks(), [&](int64_t chunk, int) {
    run_chunk(product, cut, chunk, output, [&](int64_t first, int64_t count, const uint8_t** rows) {
      for (int64_t r = 0; r < count; ++r) rows[r] = left + (first + r) * s.k;
    });
  });
}

Code check_quantized(Call& call) {
  const int64_t columns = call.integer(op::quantized_linear::columns_);
  if (Code code = check_sizes(call, names_of_quantized(), columns); code != Code::ok) return code;
  const Sizes s = sizes_of(call);
  call.need_scratch(s.left_bytes() + s.m * int64_t{sizeof(Scale)});
  return Code::ok;
}

Code run_quantized(Call& call) {
  const Tensor& x = call.in(kInput);
  if (call.out().numel == 0) return Code::ok;
  const Sizes s = sizes_of(call);
  uint8_t* left = reinterpret_cast<uint8_t*>(call.scratch());
  auto* scales = reinterpret_cast<Scale*>(call.scratch() + s.left_bytes());
  Odometer<1> offsets;
  for (int axis = 0; axis < x.rank - 1; ++axis) offsets.add(x.shape[axis], {x.stride[axis]});
  std::memset(left + s.m * s.k, 0, kBehind);
  parallel_ranges(s.m, std::max<int64_t>(kChunkNumbers / s.k, 1),
                  [&](int64_t begin, int64_t end, int) {
                    for (int64_t r = begin; r < end; ++r) {
                      const float* row = x.as<float>() + offsets.at(r)[0];
                      scales[r] = scale_of(range_of(row, s.k));
                      round_bytes(scales[r], row, s.k, left + r * s.k);
                    }
                  });
  multiply_rows(call, s, left, output_of(call, names_of_quantized(), s.n, scales, 1));
  return Code::ok;
}

Code check_static(Call& call) {
  namespace op = op::static_linear;
  if (Code code = check_sizes(call, names_of_static(), call.integer(op::columns_));
      code != Code::ok) {
    return code;
  }
  WTW_CHECK(bytes_fit(call, names_of_static(), op::zero_, op::dtype_));
  const Sizes s = sizes_of(call);
  if (s.k % kDepth != 0) call.need_scratch(s.left_bytes());
  return Code::ok;
}

Code run_static(Call& call) {
  namespace op = op::static_linear;
  if (call.out().numel == 0) return Code::ok;
  const Sizes s = sizes_of(call);
  const uint8_t* left = call.in(kInput).as<uint8_t>();
  if (s.k % kDepth != 0) {  // what lies behind the last row is read too
    auto* copy = reinterpret_cast<uint8_t*>(call.scratch());
    std::memset(std::copy_n(left, s.m * s.k, copy), 0, kBehind);
    left = copy;
  }
  const Scale scale = {1, 1, static_cast<int32_t>(call.integer(op::zero_))};
  Output output = output_of(call, names_of_static(), s.n, &scale, s.m);
  output.residual_scale = static_cast<float>(call.real(op::residual_scale_));
  multiply_rows(call, s, left, output);
  return Code::ok;
}

}  // namespace

WTW_KERNEL(quantized_linear, check_quantized, run_quantized);
WTW_KERNEL(static_linear, check_static, run_static);

}  // namespace wtw
