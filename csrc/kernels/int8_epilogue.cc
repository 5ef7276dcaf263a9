// Sums of a tile in, floats or bytes of the output out.
#include "kernels/int8_epilogue.h"

#include <algorithm>
#include <array>

#include "kernels/rows.h"

namespace wtw::int8 {
namespace {

using simd::f32x4;

// Of floats or bytes; what is behind the last column is 0.
void load(const float* from, int64_t count, f32x4 (&v)[kVectors]) {
  alignas(16) float all[kColumns] = {};
  if (count < kColumns) from = std::copy_n(from, count, all) - count;
  for (int i = 0; i < kVectors; ++i) v[i] = simd::load(from + 4 * i);
}
void load(const uint8_t* from, int64_t count, f32x4 (&v)[kVectors]) {
  alignas(16) uint8_t all[kColumns] = {};
  if (count < kColumns) from = std::copy_n(from, count, all) - count;
  const v128_t whole = wasm_u16x8_load8x8(from);
  v[0] = wasm_f32x4_convert_i32x4(wasm_u32x4_extend_low_u16x8(whole));
  v[1] = wasm_f32x4_convert_i32x4(wasm_u32x4_extend_high_u16x8(whole));
}

void store(float* to, int64_t count, const f32x4 (&v)[kVectors]) {
  alignas(16) float all[kColumns];
  float* const place = count < kColumns ? all : to;
  for (int i = 0; i < kVectors; ++i) simd::store(place + 4 * i, v[i]);
  if (count < kColumns) std::copy_n(all, count, to);
}
void store(uint8_t* to, int64_t count, const f32x4 (&v)[kVectors]) {
  const v128_t half = wasm_i16x8_narrow_i32x4(v[0], v[1]);
  const v128_t bytes = wasm_u8x16_narrow_i16x8(half, half);
  if (count == kColumns) return wasm_v128_store64_lane(to, bytes, 0);
  alignas(16) uint8_t all[16];
  wasm_v128_store(all, bytes);
  std::copy_n(all, count, to);
}

}  // namespace

bool columns_fit(const Call& call, const Names& names, int64_t n) {
  const std::array<int, 3> each = {names.scale, names.sums, names.bias};
  return std::all_of(each.begin(), each.end(), [&](int i) {
    const Tensor& t = call.in(i);
    return t.rank == 1 && t.size(0) == ceil_div(n, kColumns) * kColumns;
  });
}

bool bytes_fit(const Call& call, const Names& names, int zero, int dtype) {
  const Tensor& y = call.out();
  const Epilogue epilogue = epilogue_of(call, names.bias, names.activation, names.low, names.high);
  return call.integer(zero) >= 0 && call.integer(zero) <= kMost && y.dtype == call.dtype(dtype) &&
         (y.dtype == DType::float32 || !activates(epilogue));
}

Output output_of(const Call& call, const Names& names, int64_t n, const Scale* scales,
                 int64_t rows_of_scale) {
  const Tensor& y = call.out();
  Output o = {.n = n,
              .columns = {call.in(names.scale).as<float>(), call.in(names.sums).as<int32_t>(),
                          call.in(names.bias).as<float>()},
              .scales = scales,
              .rows_of_scale = rows_of_scale,
              .epilogue = epilogue_of(call, names.bias, names.activation, names.low, names.high)};
  if (call.has(names.residual)) {
    const Tensor& residual = call.in(names.residual);
    const bool is_bytes = residual.dtype == DType::uint8;
    o.residual = is_bytes ? nullptr : residual.as<float>();
    o.residual_bytes = is_bytes ? residual.as<uint8_t>() : nullptr;
  }
  const bool is_bytes = y.dtype == DType::uint8;
  o.out = is_bytes ? nullptr : y.as<float>();
  o.out_bytes = is_bytes ? y.as<uint8_t>() : nullptr;
  return o;
}

void Output::take(int64_t first, int64_t count, int64_t panel, const Sums& sums) const {
  const int64_t column = panel * kColumns, width = std::min<int64_t>(kColumns, n - column);
  const Clamp clamp = clamp_of(epilogue);
  const float least = out_bytes ? std::max(clamp.low, 0.0f) : clamp.low;
  const float most = out_bytes ? std::min<float>(clamp.high, kMost) : clamp.high;
  const f32x4 low = simd::splat(least), high = simd::splat(most);
  for (int64_t r = 0; r < count; ++r) {
    const int64_t row = first + r, at = row * n + column;
    const Scale& left = scales[row / rows_of_scale];
    const f32x4 scale = simd::splat(left.scale);
    const v128_t zero = wasm_i32x4_splat(left.zero);
    f32x4 y[kVectors], more[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      const int64_t i = column + 4 * v;
      const v128_t zeros = wasm_i32x4_mul(wasm_v128_load(columns.sums + i), zero);
      const v128_t whole = wasm_i32x4_sub(wasm_v128_load(sums[r] + 4 * v), zeros);
      const f32x4 factor = simd::mul(scale, simd::load(columns.scale + i));
      y[v] = simd::mul(wasm_f32x4_convert_i32x4(whole), factor);
      y[v] = simd::add(y[v], simd::load(columns.bias + i));
    }
    if (residual) {
      load(residual + at, width, more);
      for (int v = 0; v < kVectors; ++v) y[v] = simd::add(y[v], more[v]);
    } else if (residual_bytes) {
      load(residual_bytes + at, width, more);
      const f32x4 factor = simd::splat(residual_scale);
      for (int v = 0; v < kVectors; ++v) y[v] = simd::add(y[v], simd::mul(more[v], factor));
    }
    if (out_bytes) {
      for (v128_t& each : y) each = to_whole(each, low, high);
      store(out_bytes + at, width, y);
    } else {
      if (clamp.active) {
        for (f32x4& each : y) each = simd::clamp(each, low, high);
      }
      store(out + at, width, y);
    }
  }
}

void Output::done(int64_t first, int64_t count, int64_t panel, int64_t last) const {
  if (out == nullptr || !activates(epilogue)) return;
  const int64_t column = panel * kColumns, width = std::min(last * kColumns, n) - column;
  for (int64_t row = first; row < first + count; ++row) {
    apply_activation(out + row * n + column, width, epilogue);
  }
}

}  // namespace wtw::int8
