// One vector type for every kernel: 128 bits, as WebAssembly has them.
//
// Three bodies: relaxed SIMD, SIMD128, and native (SIMDe supplies the same intrinsics, so that
// sanitizers and fuzzers see the very kernels that ship). Kernels use these names and plain
// wasm_simd128.h intrinsics; only this header knows which body it is.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#ifdef WTW_NATIVE
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/wasm/simd128.h>
#else
#include <wasm_simd128.h>
#endif

namespace wtw::simd {

using f32x4 = v128_t;

// Whether madd() is one instruction; without FMA it needs a register for the product. Native
// builds count as having it, so that they run the tiles of the relaxed variant.
#if defined(__wasm_relaxed_simd__) || defined(WTW_NATIVE)
inline constexpr bool kFused = true;
#else
inline constexpr bool kFused = false;
#endif

inline f32x4 load(const float* p) { return wasm_v128_load(p); }
inline void store(float* p, f32x4 v) { wasm_v128_store(p, v); }
inline f32x4 splat(float x) { return wasm_f32x4_splat(x); }
// One pure-load micro-operation on x86: prefer it to splat(*p).
inline f32x4 load_splat(const float* p) { return wasm_v128_load32_splat(p); }

inline f32x4 add(f32x4 a, f32x4 b) { return wasm_f32x4_add(a, b); }
inline f32x4 sub(f32x4 a, f32x4 b) { return wasm_f32x4_sub(a, b); }
inline f32x4 mul(f32x4 a, f32x4 b) { return wasm_f32x4_mul(a, b); }
inline f32x4 div(f32x4 a, f32x4 b) { return wasm_f32x4_div(a, b); }

// a * b + c; rounded once where the machine has FMA and the variant may use it.
inline f32x4 madd(f32x4 a, f32x4 b, f32x4 c) {
#ifdef __wasm_relaxed_simd__
  return wasm_f32x4_relaxed_madd(a, b, c);
#else
  return wasm_f32x4_add(wasm_f32x4_mul(a, b), c);
#endif
}

// c - a * b, rounded as madd() is.
inline f32x4 nmadd(f32x4 a, f32x4 b, f32x4 c) {
#ifdef __wasm_relaxed_simd__
  return wasm_f32x4_relaxed_nmadd(a, b, c);
#else
  return wasm_f32x4_sub(c, wasm_f32x4_mul(a, b));
#endif
}

// Minimum and maximum for operands that are not NaN (with NaN: either operand may result).
inline f32x4 min_fast(f32x4 a, f32x4 b) {
#ifdef __wasm_relaxed_simd__
  return wasm_f32x4_relaxed_min(a, b);
#else
  return wasm_f32x4_pmin(a, b);
#endif
}
inline f32x4 max_fast(f32x4 a, f32x4 b) {
#ifdef __wasm_relaxed_simd__
  return wasm_f32x4_relaxed_max(a, b);
#else
  return wasm_f32x4_pmax(a, b);
#endif
}

// mask ? a : b, for masks of whole lanes.
inline f32x4 select(f32x4 mask, f32x4 a, f32x4 b) {
#ifdef __wasm_relaxed_simd__
  return wasm_i32x4_relaxed_laneselect(a, b, mask);
#else
  return wasm_v128_bitselect(a, b, mask);
#endif
}

inline f32x4 neg(f32x4 x) { return wasm_f32x4_neg(x); }
inline f32x4 abs(f32x4 x) { return wasm_f32x4_abs(x); }
inline f32x4 sqrt(f32x4 x) { return wasm_f32x4_sqrt(x); }

// The smaller of x and the bound, the larger of x and the bound; NaN in x stays.
inline f32x4 at_most(f32x4 x, f32x4 bound) { return wasm_f32x4_pmin(x, bound); }
inline f32x4 at_least(f32x4 x, f32x4 bound) { return wasm_f32x4_pmax(x, bound); }
inline f32x4 clamp(f32x4 x, f32x4 low, f32x4 high) { return at_most(at_least(x, low), high); }

inline float sum(f32x4 v) {
  f32x4 pairs = wasm_f32x4_add(v, wasm_i32x4_shuffle(v, v, 2, 3, 0, 1));
  return wasm_f32x4_extract_lane(pairs, 0) + wasm_f32x4_extract_lane(pairs, 1);
}

// Rows become columns.
inline void transpose(f32x4 (&v)[4]) {
  const f32x4 ab_low = wasm_i32x4_shuffle(v[0], v[1], 0, 4, 1, 5);
  const f32x4 ab_high = wasm_i32x4_shuffle(v[0], v[1], 2, 6, 3, 7);
  const f32x4 cd_low = wasm_i32x4_shuffle(v[2], v[3], 0, 4, 1, 5);
  const f32x4 cd_high = wasm_i32x4_shuffle(v[2], v[3], 2, 6, 3, 7);
  v[0] = wasm_i64x2_shuffle(ab_low, cd_low, 0, 2);
  v[1] = wasm_i64x2_shuffle(ab_low, cd_low, 1, 3);
  v[2] = wasm_i64x2_shuffle(ab_high, cd_high, 0, 2);
  v[3] = wasm_i64x2_shuffle(ab_high, cd_high, 1, 3);
}

// Whether the processor is an x86: the NaN that subtracting infinities makes has its sign set
// there, and clear on ARM, where V8 has 32 vector registers. js_runtime/src/cores.ts asks the same.
inline bool is_x86() {
  const volatile float infinity = __builtin_inff();
  return std::bit_cast<int32_t>(infinity - infinity) < 0;
}

// Keeps LLVM from moving work across this point, and from knowing the value after it: V8 has 15
// vector registers and keeps wasm's order, so hoisted loads would spill the accumulators.
template <class T>
inline void pin(T& v) {
#ifndef WTW_NATIVE
  asm volatile("" : "+r"(v));
#else
  (void)v;
#endif
}

}  // namespace wtw::simd
