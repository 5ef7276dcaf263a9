// Floats in, bytes from 0 to 127 out: x is scale * (q - zero), about.
#pragma once

#include <cstdint>

#include "core/simd.h"

namespace wtw::int8 {

inline constexpr int32_t kMost = 127;

// `inverse` is about 1 / scale; 0 where the numbers cannot be told apart, which all become 0.
struct Scale {
  float scale, inverse;
  int32_t zero;
};

// The least and the largest of 0 and some numbers; NaN where one of them is.
struct Range {
  float low = 0, high = 0;

  void join(const Range& other);
};
Range range_of(const float* x, int64_t n);

// A range of numbers as 127 steps. The scale of a range that is too small is 0, that of one that
// float32 cannot hold, or with NaN, is NaN.
Scale scale_of(const Range& range);

// The bytes that numbers may become, which have a sign or none.
struct Bounds {
  int32_t low = 0, high = kMost;
  bool is_signed = false;
};

// round(x * inverse) + zero, within the bounds, zero among them; a NaN becomes the least.
void round_bytes(const Scale& scale, const float* x, int64_t n, uint8_t* out,
                 const Bounds& bounds = {});

// The whole numbers that are nearest to those of v, even ones where two are, between `low` and
// `high`, which are small; NaN becomes `low`. Adding 1.5 * 2^23 rounds to whole numbers.
inline v128_t to_whole(simd::f32x4 v, simd::f32x4 low, simd::f32x4 high) {
  const simd::f32x4 within = wasm_f32x4_pmin(wasm_f32x4_pmax(low, v), high);
  const simd::f32x4 shifted = simd::add(within, simd::splat(0x1.8p23f));
  return wasm_i32x4_sub(shifted, wasm_i32x4_splat(0x4b400000));
}

// Four vectors of numbers from 0 to 255, as bytes.
inline v128_t narrow(const v128_t (&v)[4]) {
  return wasm_u8x16_narrow_i16x8(wasm_i16x8_narrow_i32x4(v[0], v[1]),
                                 wasm_i16x8_narrow_i32x4(v[2], v[3]));
}

}  // namespace wtw::int8
