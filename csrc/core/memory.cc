// Aligned memory that may be refused.
#include "core/memory.h"

#include <algorithm>
#include <cstdlib>

namespace wtw {

std::byte* allocate(size_t bytes) {
  constexpr size_t line = kAlignment;
  if (bytes > SIZE_MAX - line) return nullptr;
  const size_t rounded = (std::max(bytes, line) + line - 1) / line * line;
  return static_cast<std::byte*>(std::aligned_alloc(line, rounded));
}

}  // namespace wtw
