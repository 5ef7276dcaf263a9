// What torchvision's operators share: bilinear values of one channel of an image.
#pragma once

#include <cmath>
#include <cstdint>

namespace wtw::vision {

// Sizes and attributes are below this: no product of two overflows.
inline constexpr int64_t kLimit = int64_t{1} << 30;

template <class T>
struct Plane {
  const T* data;  // (height, width), dense
  int64_t height, width;

  T at(int64_t y, int64_t x) const {
    const bool inside = y >= 0 && y < height && x >= 0 && x < width;
    return inside ? data[y * width + x] : T(0);
  }

  // Between the four pixels around (y, x), which is -1 to the size; those outside are zeros.
  T between(T y, T x) const {
    const T low = std::floor(y), left = std::floor(x), down = y - low, right = x - left;
    const auto i = static_cast<int64_t>(low), j = static_cast<int64_t>(left);
    return (1 - down) * (1 - right) * at(i, j) + (1 - down) * right * at(i, j + 1) +
           down * (1 - right) * at(i + 1, j) + down * right * at(i + 1, j + 1);
  }

  // Whether a position is worth looking at; no NaN is.
  bool near(T y, T x) const {
    return y >= -1 && y <= static_cast<T>(height) && x >= -1 && x <= static_cast<T>(width);
  }
};

// A number as an integer in [low, high]; `low` for NaN.
template <class T>
int64_t clamped(T x, int64_t low, int64_t high) {
  if (!(x > static_cast<T>(low))) return low;
  return x < static_cast<T>(high) ? static_cast<int64_t>(x) : high;
}

}  // namespace wtw::vision
