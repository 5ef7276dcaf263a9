// Rows of scores in, exponentials out; where masked, zeros.
#include "core/vmath.h"
#include "kernels/attention.h"
#include "kernels/rows.h"
#include "ops.h"

namespace wtw::attention {

// Not in the unnamed namespace: the compiler would make v128.const of what nobody changes.
struct ScoreConstants {
  simd::Constant round{12582912.0f};  // 1.5 * 2^23: adding it rounds to an integer
  simd::Constant low{-88.0296919f}, log2e{1.44269504f};  // log(2^-127)
  // 2^r for |r| <= 1 / 2.
  simd::Constant p1{0.6931470037f}, p2{0.2402224243f}, p3{0.05550733581f}, p4{9.671512991e-3f},
      p5{1.326472731e-3f};
};
inline ScoreConstants kScoreExp;

namespace {

using simd::f32x4;
namespace op = op::scaled_dot_product_attention;

constexpr float kInfinity = __builtin_inff();

// Two vectors that go through the same steps: each constant is loaded once for both, and loads are
// what limits these functions.
struct Pair {
  f32x4 a, b;
};
[[gnu::always_inline]] inline Pair madd(Pair x, Pair y, f32x4 z) {
  return {simd::madd(x.a, y.a, z), simd::madd(x.b, y.b, z)};
}

// 2^n of n + 1.5 * 2^23 for -127 <= n <= 0; 0 of -127.
[[gnu::always_inline]] inline f32x4 power_of_2(f32x4 shifted, f32x4 one) {
  return wasm_i32x4_add(wasm_i32x4_shl(shifted, 23), one);
}

// e^x for x <= 0, about 2 ulp and 2^-24 |x|; 0 below 2^-126.5. NaN stays.
[[gnu::always_inline]] inline Pair exp(Pair x) {
  const ScoreConstants& k = kScoreExp;
  const f32x4 round = k.round, low = k.low, log2e = k.log2e, highest = k.p5;
  x = {simd::at_least(x.a, low), simd::at_least(x.b, low)};
  const Pair shifted = madd(x, {log2e, log2e}, round);
  const Pair r = {simd::madd(x.a, log2e, simd::sub(round, shifted.a)),
                  simd::madd(x.b, log2e, simd::sub(round, shifted.b))};
  Pair p = madd({highest, highest}, r, k.p4);
  p = madd(p, r, k.p3);
  p = madd(p, r, k.p2);
  p = madd(p, r, k.p1);
  const f32x4 one = simd::kCommon.one;
  p = madd(p, r, one);
  return {simd::mul(p.a, power_of_2(shifted.a, one)), simd::mul(p.b, power_of_2(shifted.b, one))};
}

// row[i] = e^(row[i] - top); gives the sum. n is a multiple of 8.
float exponentials(float* row, int64_t n, float top) {
  const f32x4 shift = simd::splat(top);
  f32x4 total = simd::splat(0);
  while (n > 0) {
    f32x4 sum = simd::splat(0);
    const float* end = row + std::min(n, rows::kRun);
    for (; row != end; row += 8) {
      const f32x4 a = simd::sub(simd::load(row), shift), b = simd::sub(simd::load(row + 4), shift);
      const Pair p = exp({a, b});
      simd::store(row, p.a);
      simd::store(row + 4, p.b);
      sum = simd::add(sum, simd::add(p.a, p.b));
    }
    total = simd::add(total, sum);
    n -= rows::kRun;
  }
  return simd::sum(total);
}

f32x4 load_bools(const uint8_t* p) {
  const v128_t bytes = wasm_v128_load32_zero(p);
  const v128_t words = wasm_u32x4_extend_low_u16x8(wasm_u16x8_extend_low_u8x16(bytes));
  return wasm_i32x4_ne(words, simd::splat(0));
}

void keep_where(float* row, const uint8_t* mask, int64_t step, int64_t n, float fill) {
  int64_t i = 0;
  for (; step == 1 && i + 4 <= n; i += 4) {
    const f32x4 kept = simd::select(load_bools(mask + i), simd::load(row + i), simd::splat(fill));
    simd::store(row + i, kept);
  }
#pragma clang loop vectorize(disable) unroll(disable)
  for (; i < n; ++i) row[i] = mask[i * step] ? row[i] : fill;
}

void add_mask(float* row, const float* mask, int64_t step, int64_t n) {
  int64_t i = 0;
  for (; step == 1 && i + 4 <= n; i += 4) {
    simd::store(row + i, simd::add(simd::load(mask + i), simd::load(row + i)));
  }
#pragma clang loop vectorize(disable) unroll(disable)
  for (; i < n; ++i) row[i] += mask[i * step];
}

}  // namespace

Sizes::Sizes(const Call& call)
    : batch(call.in(op::query_).size(0)),
      heads(call.in(op::query_).size(1)),
      queries(call.in(op::query_).size(2)),
      depth(call.in(op::query_).size(3)),
      key_heads(call.in(op::key_).size(1)),
      keys(call.in(op::key_).size(2)),
      width(call.in(op::value_).size(3)),
      causal(call.flag(op::is_causal_)),
      scale(static_cast<float>(call.real(op::scale_))) {}

Softmax::Softmax(const Call& call)
    : fill_(static_cast<float>(call.real(op::fill_))), safe_(call.flag(op::safe_)) {
  if (!call.has(op::attn_mask_)) return;
  mask_ = &call.in(op::attn_mask_);
  for (int axis = 0; axis < mask_->rank; ++axis) {
    const bool broadcast = mask_->shape[axis] == 1;
    step_[4 - mask_->rank + axis] = broadcast ? 0 : mask_->stride[axis];
  }
}

void Softmax::apply_mask(float* scores, int64_t n, const Place& place) const {
  if (mask_ == nullptr) return;
  const int64_t at = place.batch * step_[0] + place.head * step_[1] + place.query * step_[2];
  if (mask_->dtype == DType::boolean) {
    keep_where(scores, mask_->as<uint8_t>() + at, step_[3], n, fill_);
  } else {
    add_mask(scores, mask_->as<float>() + at, step_[3], n);
  }
}

float Softmax::row(float* scores, int64_t n, int64_t room, const Place& place) const {
  apply_mask(scores, n, place);
  std::fill(scores + n, scores + room, -kInfinity);
  const float max = rows::max_fast(scores, room);
  // Where all is -inf, 0 - not -inf - is what leaves zeros. A NaN stays one and reaches the sum.
  const float sum = exponentials(scores, room, max == -kInfinity ? 0 : max);
  return sum == 0 && safe_ ? 0 : 1 / sum;
}

void scale_row(float* row, int64_t n, float by) {
  rows::map(row, row, n, [factor = simd::splat(by)](f32x4 x) { return simd::mul(x, factor); });
}

}  // namespace wtw::attention
