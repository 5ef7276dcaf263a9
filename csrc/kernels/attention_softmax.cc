// Rows of scores in, powers of 2 out; where masked, zeros.
#include "core/vmath.h"
#include "kernels/attention.h"
#include "kernels/rows.h"
#include "ops.h"

namespace wtw::attention {

constexpr double kLog2e = 1.4426950408889634;

// Not in the unnamed namespace: the compiler would make v128.const of what nobody changes.
struct PowerConstants {
  simd::Constant round{12582912.0f};  // 1.5 * 2^23: adding it rounds to an integer
  simd::Constant low{-126.0f}, log2e{static_cast<float>(kLog2e)};
  // 2^r for |r| <= 1 / 2.
  simd::Constant p1{0.6931470037f}, p2{0.2402224243f}, p3{0.05550733581f}, p4{9.671512991e-3f},
      p5{1.326472731e-3f};
};
inline PowerConstants kPower;

namespace {

using simd::f32x4;
namespace op = op::scaled_dot_product_attention;

constexpr float kInfinity = __builtin_inff();

// Two vectors that go through the same steps: each constant is loaded once for both, and loads are
// what limits these functions.
struct Pair {
  f32x4 a, b;
};
[[gnu::always_inline]] inline Pair add(Pair x, f32x4 y) {
  return {simd::add(x.a, y), simd::add(x.b, y)};
}
[[gnu::always_inline]] inline Pair sub(Pair x, f32x4 y) {
  return {simd::sub(x.a, y), simd::sub(x.b, y)};
}
[[gnu::always_inline]] inline Pair sub(Pair x, Pair y) {
  return {simd::sub(x.a, y.a), simd::sub(x.b, y.b)};
}
[[gnu::always_inline]] inline Pair madd(Pair x, Pair y, f32x4 z) {
  return {simd::madd(x.a, y.a, z), simd::madd(x.b, y.b, z)};
}

// 2^x for x <= 0, below 2^-126 zero: 2.1 ulp.
[[gnu::always_inline]] inline Pair power(Pair x) {
  const PowerConstants& k = kPower;
  const f32x4 round = k.round, highest = k.p5;
  const Pair shifted = add(x, round), r = sub(x, sub(shifted, round));
  Pair p = madd({highest, highest}, r, k.p4);
  p = madd(p, r, k.p3);
  p = madd(p, r, k.p2);
  p = madd(p, r, k.p1);
  const f32x4 one = simd::kCommon.one, low = k.low;
  p = madd(p, r, one);
  const auto scaled = [&](f32x4 value, f32x4 exponent, f32x4 x) {
    const f32x4 factor = wasm_i32x4_add(wasm_i32x4_shl(exponent, 23), one);
    return wasm_v128_andnot(simd::mul(value, factor), wasm_f32x4_lt(x, low));
  };
  return {scaled(p.a, shifted.a, x.a), scaled(p.b, shifted.b, x.b)};
}

// row[i] = 2^(row[i] - top); gives the sum. n is a multiple of 8.
float powers(float* row, int64_t n, float top) {
  const f32x4 shift = simd::splat(top);
  f32x4 total = simd::splat(0);
  while (n > 0) {
    f32x4 sum = simd::splat(0);
    const float* end = row + std::min(n, rows::kRun);
    for (; row != end; row += 8) {
      const Pair p = power(sub({simd::load(row), simd::load(row + 4)}, shift));
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

void keep_where(float* row, const uint8_t* mask, int64_t step, int64_t n) {
  int64_t i = 0;
  for (; step == 1 && i + 4 <= n; i += 4) {
    const f32x4 kept =
        simd::select(load_bools(mask + i), simd::load(row + i), simd::splat(-kInfinity));
    simd::store(row + i, kept);
  }
#pragma clang loop vectorize(disable) unroll(disable)
  for (; i < n; ++i) row[i] = mask[i * step] ? row[i] : -kInfinity;
}

void add_mask(float* row, const float* mask, int64_t step, int64_t n) {
  int64_t i = 0;
  for (; step == 1 && i + 4 <= n; i += 4) {
    simd::store(row + i, simd::madd(simd::load(mask + i), kPower.log2e, simd::load(row + i)));
  }
#pragma clang loop vectorize(disable) unroll(disable)
  for (; i < n; ++i) row[i] += mask[i * step] * static_cast<float>(kLog2e);
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
      scale(static_cast<float>(call.real(op::scale_) * kLog2e)) {}

Softmax::Softmax(const Call& call) {
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
    keep_where(scores, mask_->as<uint8_t>() + at, step_[3], n);
  } else {
    add_mask(scores, mask_->as<float>() + at, step_[3], n);
  }
}

float Softmax::row(float* scores, int64_t n, int64_t room, const Place& place) const {
  apply_mask(scores, n, place);
  std::fill(scores + n, scores + room, -kInfinity);
  const float max = rows::max_fast(scores, room);
  // Where all is -inf, 0 - not -inf - is what leaves zeros. A NaN stays one and reaches the sum.
  const float sum = powers(scores, room, max == -kInfinity ? 0 : max);
  return sum == 0 ? 0 : 1 / sum;
}

void scale_row(float* row, int64_t n, float by) {
  rows::map(row, row, n, [factor = simd::splat(by)](f32x4 x) { return simd::mul(x, factor); });
}

}  // namespace wtw::attention
