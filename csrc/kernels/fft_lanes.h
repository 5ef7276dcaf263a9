// Several lines of a tensor at once, a line a lane: how transforms load, compute and store them.
#pragma once

#include <cstdint>

#include "core/simd.h"

namespace wtw::fft {

// Four lines of float32.
struct Lanes4 {
  using T = float;
  static constexpr int count = 4;

  static v128_t add(v128_t a, v128_t b) { return simd::add(a, b); }
  static v128_t sub(v128_t a, v128_t b) { return simd::sub(a, b); }
  static v128_t mul(v128_t a, v128_t b) { return simd::mul(a, b); }
  static v128_t neg(v128_t a) { return simd::neg(a); }
  static v128_t splat(const T* p) { return simd::load_splat(p); }
  static v128_t splat(T x) { return simd::splat(x); }

  // re, im: two neighbours in each line, `at` elements from its start.
  static void load_pairs(const T* const* line, int64_t at, v128_t& re, v128_t& im) {
    v128_t ab = wasm_v128_load64_zero(line[0] + at), cd = wasm_v128_load64_zero(line[2] + at);
    ab = wasm_v128_load64_lane(line[1] + at, ab, 1);
    cd = wasm_v128_load64_lane(line[3] + at, cd, 1);
    re = wasm_i32x4_shuffle(ab, cd, 0, 2, 4, 6);
    im = wasm_i32x4_shuffle(ab, cd, 1, 3, 5, 7);
  }
  static void store_pairs(T* const* line, int64_t at, v128_t re, v128_t im) {
    const v128_t ab = wasm_i32x4_shuffle(re, im, 0, 4, 1, 5);
    const v128_t cd = wasm_i32x4_shuffle(re, im, 2, 6, 3, 7);
    wasm_v128_store64_lane(line[0] + at, ab, 0);
    wasm_v128_store64_lane(line[1] + at, ab, 1);
    wasm_v128_store64_lane(line[2] + at, cd, 0);
    wasm_v128_store64_lane(line[3] + at, cd, 1);
  }
  static v128_t load_reals(const T* const* line, int64_t at) {
    return wasm_f32x4_make(line[0][at], line[1][at], line[2][at], line[3][at]);
  }
  static void store_reals(T* const* line, int64_t at, v128_t x) {
    wasm_v128_store32_lane(line[0] + at, x, 0);
    wasm_v128_store32_lane(line[1] + at, x, 1);
    wasm_v128_store32_lane(line[2] + at, x, 2);
    wasm_v128_store32_lane(line[3] + at, x, 3);
  }
  static T first(v128_t x) { return wasm_f32x4_extract_lane(x, 0); }
};

// Two lines of float64.
struct Lanes2 {
  using T = double;
  static constexpr int count = 2;

  static v128_t add(v128_t a, v128_t b) { return wasm_f64x2_add(a, b); }
  static v128_t sub(v128_t a, v128_t b) { return wasm_f64x2_sub(a, b); }
  static v128_t mul(v128_t a, v128_t b) { return wasm_f64x2_mul(a, b); }
  static v128_t neg(v128_t a) { return wasm_f64x2_neg(a); }
  static v128_t splat(const T* p) { return wasm_v128_load64_splat(p); }
  static v128_t splat(T x) { return wasm_f64x2_splat(x); }

  static void load_pairs(const T* const* line, int64_t at, v128_t& re, v128_t& im) {
    const v128_t a = wasm_v128_load(line[0] + at), b = wasm_v128_load(line[1] + at);
    re = wasm_i64x2_shuffle(a, b, 0, 2);
    im = wasm_i64x2_shuffle(a, b, 1, 3);
  }
  static void store_pairs(T* const* line, int64_t at, v128_t re, v128_t im) {
    wasm_v128_store(line[0] + at, wasm_i64x2_shuffle(re, im, 0, 2));
    wasm_v128_store(line[1] + at, wasm_i64x2_shuffle(re, im, 1, 3));
  }
  static v128_t load_reals(const T* const* line, int64_t at) {
    return wasm_f64x2_make(line[0][at], line[1][at]);
  }
  static void store_reals(T* const* line, int64_t at, v128_t x) {
    wasm_v128_store64_lane(line[0] + at, x, 0);
    wasm_v128_store64_lane(line[1] + at, x, 1);
  }
  static T first(v128_t x) { return wasm_f64x2_extract_lane(x, 0); }
};

// A complex number in each lane.
struct Complex {
  v128_t re, im;
};

template <class L>
Complex add(Complex a, Complex b) {
  return {L::add(a.re, b.re), L::add(a.im, b.im)};
}
template <class L>
Complex sub(Complex a, Complex b) {
  return {L::sub(a.re, b.re), L::sub(a.im, b.im)};
}
template <class L>
Complex scaled(Complex a, v128_t by) {
  return {L::mul(a.re, by), L::mul(a.im, by)};
}
template <class L>
Complex conj(Complex a) {
  return {a.re, L::neg(a.im)};
}
// By -i.
template <class L>
Complex turned(Complex a) {
  return {a.im, L::neg(a.re)};
}
template <class L>
Complex mul(Complex a, Complex b) {
  return {L::sub(L::mul(a.re, b.re), L::mul(a.im, b.im)),
          L::add(L::mul(a.re, b.im), L::mul(a.im, b.re))};
}
inline Complex swapped(Complex a) { return {a.im, a.re}; }

template <class L>
Complex zero() {
  return {L::splat(typename L::T(0)), L::splat(typename L::T(0))};
}

// The same number in every lane; p: its two parts.
template <class L>
Complex splat(const typename L::T* p) {
  return {L::splat(p), L::splat(p + 1)};
}

}  // namespace wtw::fft
