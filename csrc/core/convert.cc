// Conversions in two steps at most: narrow dtypes to and from their compute type, and compute
// types to each other. That takes 20 small loops instead of one for each pair of dtypes.
#include "core/convert.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "core/half.h"
#include "core/simd.h"

namespace wtw {
namespace {

using Convert = void (*)(void* out, const void* in, int64_t n);

int64_t truncated(double x) {
  return x >= -0x1p63 && x < 0x1p63 ? static_cast<int64_t>(x) : INT64_MIN;
}

template <class Out, class In>
void each(void* out, const void* in, int64_t n) {
  auto* o = static_cast<Out*>(out);
  const auto* x = static_cast<const In*>(in);
  for (int64_t i = 0; i < n; ++i) {
    if constexpr (std::is_floating_point_v<In> && std::is_same_v<Out, int64_t>) {
      o[i] = truncated(x[i]);
    } else {
      o[i] = static_cast<Out>(x[i]);
    }
  }
}

template <class In>
void truth(void* out, const void* in, int64_t n) {
  auto* o = static_cast<uint8_t*>(out);
  const auto* x = static_cast<const In*>(in);
#pragma clang loop vectorize(disable) unroll(disable)
  for (int64_t i = 0; i < n; ++i) o[i] = x[i] != 0;
}

// 16-bit floats to float32, four at a time.
template <v128_t (*function)(v128_t)>
void widen(void* out, const void* in, int64_t n) {
  auto* o = static_cast<float*>(out);
  const auto* x = static_cast<const uint16_t*>(in);
  int64_t i = 0;
  for (; i + 4 <= n; i += 4) simd::store(o + i, function(wasm_u32x4_load16x4(x + i)));
  if (i == n) return;
  uint16_t rest[4] = {};
  float wide[4];
  std::memcpy(rest, x + i, (n - i) * sizeof(uint16_t));
  simd::store(wide, function(wasm_u32x4_load16x4(rest)));
  std::memcpy(o + i, wide, (n - i) * sizeof(float));
}

// float32 to 16-bit floats, four at a time.
template <v128_t (*function)(v128_t)>
void narrow(void* out, const void* in, int64_t n) {
  auto* o = static_cast<uint16_t*>(out);
  const auto* x = static_cast<const float*>(in);
  const auto four = [](uint16_t* to, const float* from) {
    const v128_t y = function(simd::load(from));
    wasm_v128_store64_lane(to, wasm_u16x8_narrow_i32x4(y, y), 0);
  };
  int64_t i = 0;
  for (; i + 4 <= n; i += 4) four(o + i, x + i);
  if (i == n) return;
  float rest[4] = {};
  uint16_t done[4];
  std::memcpy(rest, x + i, (n - i) * sizeof(float));
  four(done, rest);
  std::memcpy(o + i, done, (n - i) * sizeof(uint16_t));
}

template <class T>
void same(void* out, const void* in, int64_t n) {
  std::memcpy(out, in, n * sizeof(T));
}

// By dtype: to and from its compute type.
constexpr Convert kWiden[] = {same<float>,
                              same<double>,
                              widen<from_half>,
                              widen<from_bfloat16>,
                              same<int64_t>,
                              each<int64_t, int32_t>,
                              each<int64_t, int16_t>,
                              each<int64_t, int8_t>,
                              each<int64_t, uint8_t>,
                              each<int64_t, uint8_t>};
constexpr Convert kNarrow[] = {same<float>,
                               same<double>,
                               narrow<to_half>,
                               narrow<to_bfloat16>,
                               same<int64_t>,
                               each<int32_t, int64_t>,
                               each<int16_t, int64_t>,
                               each<int8_t, int64_t>,
                               each<uint8_t, int64_t>,
                               truth<int64_t>};

constexpr int index(DType compute) {
  return compute == DType::int64 ? 2 : static_cast<int>(compute);
}

// [to][from]: float32, float64, int64.
constexpr Convert kCross[3][3] = {
    {same<float>, each<float, double>, each<float, int64_t>},
    {each<double, float>, same<double>, each<double, int64_t>},
    {each<int64_t, float>, each<int64_t, double>, same<int64_t>},
};
constexpr Convert kTruth[3] = {truth<float>, truth<double>, truth<int64_t>};

// second(first(in)) through a small buffer; sizes in bytes of what comes in and goes out.
void in_two_steps(std::byte* out, int64_t out_size, Convert second, Convert first,
                  const std::byte* in, int64_t in_size, int64_t n) {
  constexpr int64_t kPart = 128;
  alignas(16) std::byte part[kPart * sizeof(int64_t)];
  for (int64_t i = 0; i < n; i += kPart) {
    const int64_t count = std::min(kPart, n - i);
    first(part, in + i * in_size, count);
    second(out + i * out_size, part, count);
  }
}

}  // namespace

void load_as(DType compute, void* out, DType dtype, const void* in, int64_t n) {
  const Convert first = kWiden[static_cast<int>(dtype)];
  const Convert second = kCross[index(compute)][index(widened(dtype))];
  if (widened(dtype) == compute) return first(out, in, n);
  if (is_compute(dtype)) return second(out, in, n);
  in_two_steps(static_cast<std::byte*>(out), size_of(compute), second, first,
               static_cast<const std::byte*>(in), size_of(dtype), n);
}

void store_as(DType dtype, void* out, DType compute, const void* in, int64_t n) {
  if (dtype == DType::boolean) return kTruth[index(compute)](out, in, n);
  const Convert first = kCross[index(widened(dtype))][index(compute)];
  const Convert second = kNarrow[static_cast<int>(dtype)];
  if (widened(dtype) == compute) return second(out, in, n);
  if (is_compute(dtype)) return first(out, in, n);
  in_two_steps(static_cast<std::byte*>(out), size_of(dtype), second, first,
               static_cast<const std::byte*>(in), size_of(compute), n);
}

}  // namespace wtw
