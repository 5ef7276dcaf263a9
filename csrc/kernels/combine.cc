// Two elements in, their sum, product or extreme out.
#include "kernels/combine.h"

#include <type_traits>

namespace wtw {
namespace {

template <class T>
T joined(Fold fold, T a, T b) {
  switch (fold) {
    case Fold::sum:
      return join<Fold::sum>(a, b);
    case Fold::prod:
      return join<Fold::prod>(a, b);
    case Fold::max:
      return join<Fold::max>(a, b);
    case Fold::min:
      return join<Fold::min>(a, b);
  }
}

template <class T>
void add_items(std::byte* to, int64_t to_step, const std::byte* from, int64_t from_step,
               int64_t n) {
  auto* target = reinterpret_cast<T*>(to);
  const auto* source = reinterpret_cast<const T*>(from);
#pragma clang loop vectorize(disable) unroll(disable)
  for (int64_t i = 0; i < n; ++i) {
    target[i * to_step] = join<Fold::sum>(target[i * to_step], source[i * from_step]);
  }
}

template <class T>
T divided(T value, int64_t count) {
  if constexpr (std::is_integral_v<T>) {
    const int64_t wide = value;
    return static_cast<T>(wide / count - (wide % count < 0 ? 1 : 0));
  } else {
    return value / static_cast<T>(count);
  }
}

// f(T()) for the C++ type T of a dtype that can be combined.
template <class F>
auto with_type(DType dtype, F&& f) {
  switch (dtype) {
    case DType::float64:
      return f(double());
    case DType::int64:
      return f(int64_t());
    case DType::int32:
      return f(int32_t());
    case DType::int16:
      return f(int16_t());
    case DType::int8:
      return f(int8_t());
    case DType::uint8:
      return f(uint8_t());
    default:
      return f(float());
  }
}

}  // namespace

bool combines(DType dtype) {
  return dtype <= DType::uint8 && dtype != DType::float16 && dtype != DType::bfloat16;
}

void combine(Fold fold, DType dtype, std::byte* to, const std::byte* from) {
  with_type(dtype, [&](auto zero) {
    using T = decltype(zero);
    auto* target = reinterpret_cast<T*>(to);
    *target = joined(fold, *target, *reinterpret_cast<const T*>(from));
  });
}

Line add_line(DType dtype) {
  return with_type(dtype, [](auto zero) -> Line { return add_items<decltype(zero)>; });
}

void divide_by_counts(DType dtype, std::byte* data, const int32_t* counts, int64_t n, int extra) {
  for (int64_t i = 0; i < n; ++i) {
    if (counts[i] == 0) continue;
    with_type(dtype, [&](auto zero) {
      auto* items = reinterpret_cast<decltype(zero)*>(data);
      items[i] = divided(items[i], int64_t{counts[i]} + extra);
    });
  }
}

}  // namespace wtw
