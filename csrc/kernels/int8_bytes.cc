// Floats in, bytes out.
#include "kernels/int8_bytes.h"

#include <algorithm>
#include <cstring>

#include "kernels/rows.h"

namespace wtw::int8 {
namespace {

using simd::f32x4;

constexpr float kLeastRange = 0x1p-100f;
constexpr float kInfinity = __builtin_inff();
constexpr int64_t kBlock = 16;

float least(f32x4 v) {
  const f32x4 two = wasm_f32x4_min(v, wasm_i32x4_shuffle(v, v, 2, 3, 0, 1));
  return wasm_f32x4_extract_lane(wasm_f32x4_min(two, wasm_i32x4_shuffle(two, two, 1, 0, 3, 2)), 0);
}

}  // namespace

void Range::join(const Range& other) {
  const bool is_nan = low != low || other.low != other.low;
  low = is_nan ? __builtin_nanf("") : std::min(low, other.low);
  high = std::max(high, other.high);
}

Range range_of(const float* x, int64_t n) {
  f32x4 low[2] = {}, high[2] = {}, nan = {};
  const auto step = [&](int i, f32x4 v) {
    low[i] = wasm_f32x4_pmin(low[i], v);
    high[i] = wasm_f32x4_pmax(high[i], v);
    nan = wasm_v128_or(nan, wasm_f32x4_ne(v, v));
  };
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    step(0, simd::load(x + i));
    step(1, simd::load(x + i + 4));
  }
  if (i + 4 <= n) step(0, simd::load(x + i)), i += 4;
  if (i < n) step(1, rows::load_part(x + i, n - i, 0));
  if (wasm_v128_any_true(nan)) return {__builtin_nanf(""), 0};
  return {least(simd::min_fast(low[0], low[1])),
          -least(simd::neg(simd::max_fast(high[0], high[1])))};
}

Scale scale_of(const Range& range) {
  const float span = range.high - range.low;
  if (!(span >= kLeastRange && span < kInfinity)) {
    return {span < kLeastRange ? 0 : __builtin_nanf(""), 0, 0};
  }
  const float inverse = kMost / span;
  return {span / kMost, inverse, static_cast<int32_t>(__builtin_nearbyintf(-range.low * inverse))};
}

void round_bytes(const Scale& scale, const float* x, int64_t n, uint8_t* out,
                 const Bounds& bounds) {
  const f32x4 inverse = simd::splat(scale.inverse);
  const f32x4 low = simd::splat(static_cast<float>(bounds.low - scale.zero));
  const f32x4 high = simd::splat(static_cast<float>(bounds.high - scale.zero));
  // Bytes with a sign are those without it, but for their first bit.
  const v128_t shift = wasm_i32x4_splat(scale.zero - (bounds.is_signed ? INT8_MIN : 0));
  const v128_t flip = wasm_i8x16_splat(bounds.is_signed ? INT8_MIN : 0);
  const auto whole = [&](f32x4 v) {
    return wasm_i32x4_add(to_whole(simd::mul(v, inverse), low, high), shift);
  };
  const auto block = [&](const float* from, uint8_t* to) {
    v128_t v[4];
    for (int i = 0; i < 4; ++i) v[i] = whole(simd::load(from + 4 * i));
    wasm_v128_store(to, wasm_v128_xor(narrow(v), flip));
  };
  int64_t i = 0;
  for (; i + kBlock <= n; i += kBlock) block(x + i, out + i);
  if (i == n) return;
  float rest[kBlock] = {};
  uint8_t bytes[kBlock];
  std::copy(x + i, x + n, rest);
  block(rest, bytes);
  std::copy_n(bytes, n - i, out + i);
}

}  // namespace wtw::int8
