// Greedy-by-size placement of buffers.
#include "core/arena.h"

#include <algorithm>
#include <cstring>

#include "core/memory.h"

namespace wtw {
namespace {

constexpr int64_t kLargest = INT64_MAX / 2;  // so that no sum overflows

bool together(const Placement& a, const Placement& b) {
  return a.first <= b.last && b.first <= a.last;
}

// The lowest offset for `one` beside `count` placed buffers, which are sorted by offset.
int64_t lowest_gap(const Placement& one, Placement* const* placed, size_t count) {
  int64_t offset = 0;
  for (size_t i = 0; i < count; ++i) {
    const Placement& other = *placed[i];
    if (!together(one, other)) continue;
    if (other.offset - offset >= aligned(one.bytes)) break;
    offset = std::max(offset, other.offset + aligned(other.bytes));
  }
  return offset;
}

}  // namespace

int64_t place(Array<Placement>& buffers) {
  Array<Placement*> order, placed;
  if (!order.reset(buffers.size()) || !placed.reset(buffers.size())) return -1;
  size_t used = 0;
  for (Placement& buffer : buffers) {
    if (buffer.last >= buffer.first && buffer.bytes > 0) order[used++] = &buffer;
  }
  std::sort(order.data(), order.data() + used, [](const Placement* a, const Placement* b) {
    return a->bytes != b->bytes ? a->bytes > b->bytes : a < b;
  });
  int64_t size = 0;
  for (size_t i = 0; i < used; ++i) {
    Placement& one = *order[i];
    one.offset = lowest_gap(one, placed.data(), i);
    size = std::max(size, one.offset + aligned(one.bytes));
    if (size > kLargest) return -1;
    size_t at = i;
    while (at > 0 && placed[at - 1]->offset > one.offset) --at;
    std::memmove(&placed[at + 1], &placed[at], (i - at) * sizeof(Placement*));
    placed[at] = &one;
  }
  return size;
}

}  // namespace wtw
