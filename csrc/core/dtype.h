// Element types: the numbers that plan.bin stores and their sizes.
#pragma once

#include <cstdint>

namespace wtw {

enum class DType : uint8_t {
  float32 = 0,
  float64 = 1,
  float16 = 2,   // IEEE bits
  bfloat16 = 3,  // the upper half of a float32
  int64 = 4,
  int32 = 5,
  int16 = 6,
  int8 = 7,
  uint8 = 8,
  boolean = 9,     // one byte, 0 or 1
  complex64 = 10,  // pairs of float32
  complex128 = 11,
  complex32 = 12,  // pairs of float16
};
inline constexpr int kDTypes = 13;

constexpr int64_t size_of(DType dtype) {
  constexpr int64_t sizes[kDTypes] = {4, 8, 2, 2, 8, 4, 2, 1, 1, 1, 8, 16, 4};
  return sizes[static_cast<int>(dtype)];
}

constexpr uint32_t mask_of(DType dtype) { return 1u << static_cast<int>(dtype); }

constexpr bool is_floating(DType dtype) { return dtype <= DType::bfloat16; }

}  // namespace wtw
