// Makes block functions of an expression in the vocabulary of pointwise_math.h.
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#include "kernels/pointwise.h"
#include "kernels/pointwise_math.h"

namespace wtw::pointwise {

// The row's float attributes, in every lane.
template <class V>
struct Parameters {
  explicit Parameters(const double* p) {
    for (int i = 0; i < kMaxParameters; ++i) value[i] = constant<V>(p[i]);
  }
  V operator[](int i) const { return value[i]; }
  V value[kMaxParameters];
};

inline f32x4 get(const float* p) { return simd::load(p); }
inline double get(const double* p) { return *p; }
inline int64_t get(const int64_t* p) { return *p; }
inline void put(float* p, f32x4 x) { simd::store(p, x); }
inline void put(double* p, double x) { *p = x; }
inline void put(int64_t* p, int64_t x) { *p = x; }

// out[i] = function(in[0][i], ..., parameters) for elements of type T, computed as V.
template <auto function, class V, class T, size_t... operand>
void each(void* out, const void* const* in, int64_t n, const double* parameters,
          std::index_sequence<operand...>) {
  const Parameters<V> p(parameters);
  auto* to = static_cast<T*>(out);
  const T* const from[] = {static_cast<const T*>(in[operand])...};
  const auto result = [&](int64_t i) -> V {
    if constexpr (std::is_invocable_v<decltype(function), decltype((void)operand, V{})...,
                                      decltype(p)>) {
      return function(get(from[operand] + i)..., p);
    } else {
      return function(get(from[operand] + i)...);
    }
  };
  constexpr int64_t lanes = sizeof(V) / sizeof(T);
  if constexpr (lanes > 1) {
    // Loads of constants are what bounds these loops: two vectors share them. A vector without a
    // neighbour is its own.
#pragma clang loop unroll(disable)
    for (int64_t i = 0; i < n; i += 2 * lanes) {
      const int64_t next = i + lanes < n ? i + lanes : i;
      const V first = result(i), second = result(next);
      put(to + i, first);
      put(to + next, second);
    }
  } else {
    // Rare: their loops must stay small.
#pragma clang loop vectorize(disable) unroll(disable)
    for (int64_t i = 0; i < n; ++i) put(to + i, result(i));
  }
}

template <int inputs, auto function, class V, class T>
void block(void* out, const void* const* in, int64_t n, const double* parameters) {
  each<function, V, T>(out, in, n, parameters, std::make_index_sequence<inputs>());
}

// Functions of so many operands, for all compute types, the floating ones or int64.
template <int inputs, auto function>
constexpr Functions floats = {block<inputs, function, f32x4, float>,
                              block<inputs, function, double, double>, nullptr};
// Rare ones exist in double precision only: float32 is converted there and back.
template <int inputs, auto function>
constexpr Functions doubles = {nullptr, block<inputs, function, double, double>, nullptr};
template <int inputs, auto function>
constexpr Functions ints = {nullptr, nullptr, block<inputs, function, int64_t, int64_t>};
template <int inputs, auto function>
constexpr Functions doubles_and_ints = {nullptr, block<inputs, function, double, double>,
                                        block<inputs, function, int64_t, int64_t>};
template <int inputs, auto function>
constexpr Functions all = {block<inputs, function, f32x4, float>,
                           block<inputs, function, double, double>,
                           block<inputs, function, int64_t, int64_t>};

}  // namespace wtw::pointwise
