// Two elements in, their sum, product or extreme out.
#include "kernels/combine.h"

#include <type_traits>

namespace wtw {
namespace {

template <Combine kHow, class T>
T combined(T a, T b) {
  // Integers wrap as in PyTorch: sums and products are computed unsigned.
  using Wide = std::conditional_t<std::is_integral_v<T>, uint64_t, T>;
  switch (kHow) {
    case Combine::sum:
      return static_cast<T>(static_cast<Wide>(a) + static_cast<Wide>(b));
    case Combine::prod:
      return static_cast<T>(static_cast<Wide>(a) * static_cast<Wide>(b));
    case Combine::amin:
      return a != a || a < b ? a : b;
    case Combine::amax:
      return a != a || a > b ? a : b;
  }
}

template <Combine kHow, class T>
void combine_items(std::byte* to, int64_t to_step, const std::byte* from, int64_t from_step,
                   int64_t n) {
  auto* target = reinterpret_cast<T*>(to);
  const auto* source = reinterpret_cast<const T*>(from);
  for (int64_t i = 0; i < n; ++i) {
    target[i * to_step] = combined<kHow>(target[i * to_step], source[i * from_step]);
  }
}

template <class T>
Line line_of(Combine how) {
  switch (how) {
    case Combine::sum:
      return combine_items<Combine::sum, T>;
    case Combine::prod:
      return combine_items<Combine::prod, T>;
    case Combine::amin:
      return combine_items<Combine::amin, T>;
    case Combine::amax:
      return combine_items<Combine::amax, T>;
  }
}

template <class T>
void divide(std::byte* data, const int32_t* counts, int64_t n, int extra) {
  auto* items = reinterpret_cast<T*>(data);
  for (int64_t i = 0; i < n; ++i) {
    if (counts[i] == 0) continue;
    const auto count = static_cast<int64_t>(counts[i]) + extra;
    if constexpr (std::is_integral_v<T>) {
      const int64_t value = static_cast<int64_t>(items[i]);
      items[i] = static_cast<T>(value / count - (value % count < 0 ? 1 : 0));
    } else {
      items[i] /= static_cast<T>(count);
    }
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

Line combine_line(Combine how, DType dtype) {
  return with_type(dtype, [&](auto zero) { return line_of<decltype(zero)>(how); });
}

void divide_by_counts(DType dtype, std::byte* data, const int32_t* counts, int64_t n, int extra) {
  with_type(dtype, [&](auto zero) { divide<decltype(zero)>(data, counts, n, extra); });
}

}  // namespace wtw
