// Alignment of what kernels touch, and memory that has it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace wtw {

inline constexpr int64_t kAlignment = 64;  // a cache line

// The bytes rounded up to whole cache lines.
constexpr int64_t aligned(int64_t bytes) { return (bytes + kAlignment - 1) & -kAlignment; }

// Aligned, and of one cache line at least; null when memory ran out. Free with std::free.
std::byte* allocate(size_t bytes);

}  // namespace wtw
