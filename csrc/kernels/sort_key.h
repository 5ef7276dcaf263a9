// Order of elements of any dtype as an order of unsigned numbers, as PyTorch sorts: NaN is the
// largest, -0 equals 0.
#pragma once

#include <cstdint>

#include "core/tensor.h"

namespace wtw {

// `bits` of an IEEE number of `width` bits whose infinity has the bits `infinity`.
inline uint64_t float_key(uint64_t bits, int width, uint64_t infinity) {
  const uint64_t sign = uint64_t{1} << (width - 1), magnitude = bits & (sign - 1);
  if (magnitude > infinity) return ~uint64_t{0};
  return (bits & sign) != 0 ? sign - magnitude : sign + magnitude;
}

inline uint64_t integer_key(int64_t value) {
  return static_cast<uint64_t>(value) ^ (uint64_t{1} << 63);
}

// The key of the element at an offset (in elements).
inline uint64_t sort_key(const Tensor& t, int64_t offset) {
  switch (t.dtype) {
    case DType::float32:
      return float_key(t.as<uint32_t>()[offset], 32, 0x7F800000);
    case DType::float64:
      return float_key(t.as<uint64_t>()[offset], 64, 0x7FF0000000000000);
    case DType::float16:
      return float_key(t.as<uint16_t>()[offset], 16, 0x7C00);
    case DType::bfloat16:
      return float_key(t.as<uint16_t>()[offset], 16, 0x7F80);
    case DType::int64:
      return integer_key(t.as<int64_t>()[offset]);
    case DType::int32:
      return integer_key(t.as<int32_t>()[offset]);
    case DType::int16:
      return integer_key(t.as<int16_t>()[offset]);
    case DType::int8:
      return integer_key(t.as<int8_t>()[offset]);
    default:
      return t.as<uint8_t>()[offset];
  }
}

}  // namespace wtw
