// Greedy placement of buffers, tried in two orders.
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

int64_t end_of(const Placement& buffer) { return buffer.offset + aligned(buffer.bytes); }

// The most bytes at one node; -1 where memory ran out or they are absurd.
int64_t most_at_once(Placement* const* buffers, size_t count) {
  // Moments are counted from 0, at which the inputs are written: node -1.
  const auto moment = [](int32_t node) { return static_cast<size_t>(int64_t{node} + 1); };
  size_t end = 0;
  for (size_t i = 0; i < count; ++i) end = std::max(end, moment(buffers[i]->last) + 1);
  Array<int64_t> change;  // from moment to moment; the last frees what lives to the end
  if (!change.reset(end + 1)) return -1;
  int64_t total = 0;
  for (size_t i = 0; i < count; ++i) {
    const int64_t bytes = aligned(buffers[i]->bytes);
    if (bytes > kLargest - total) return -1;
    total += bytes;
    change[moment(buffers[i]->first)] += bytes;
    change[moment(buffers[i]->last) + 1] -= bytes;
  }
  int64_t live = 0, most = 0;
  for (const int64_t step : change) most = std::max(most, live += step);
  return most;
}

// The lowest offset for `one` beside `count` placed buffers, which are sorted by offset.
int64_t lowest_gap(const Placement& one, Placement* const* placed, size_t count) {
  int64_t offset = 0;
  for (size_t i = 0; i < count; ++i) {
    const Placement& other = *placed[i];
    if (!together(one, other)) continue;
    if (other.offset - offset >= aligned(one.bytes)) break;
    offset = std::max(offset, end_of(other));
  }
  return offset;
}

// Places them in their order; gives the size. `placed` is room for as many.
int64_t place_in_order(Placement* const* order, size_t count, Placement** placed) {
  int64_t size = 0;
  for (size_t i = 0; i < count; ++i) {
    Placement& one = *order[i];
    one.offset = lowest_gap(one, placed, i);
    size = std::max(size, end_of(one));
    size_t at = i;
    while (at > 0 && placed[at - 1]->offset > one.offset) --at;
    std::memmove(&placed[at + 1], &placed[at], (i - at) * sizeof(Placement*));
    placed[at] = &one;
  }
  return size;
}

bool larger(const Placement* a, const Placement* b) {
  return a->bytes != b->bytes ? a->bytes > b->bytes : a < b;
}

// By bytes times lifetime.
bool more(const Placement* a, const Placement* b) {
  const auto area = [](const Placement& one) {
    return static_cast<double>(one.bytes) * (one.last - one.first + 1);
  };
  return area(*a) != area(*b) ? area(*a) > area(*b) : larger(a, b);
}

}  // namespace

bool place(Array<Placement>& buffers, Extent* extent) {
  Array<Placement*> order, placed;
  if (!order.reset(buffers.size()) || !placed.reset(buffers.size())) return false;
  size_t used = 0;
  for (Placement& buffer : buffers) {
    if (buffer.last >= buffer.first && buffer.bytes > 0) order[used++] = &buffer;
  }
  const auto place_by = [&](auto* before) {
    std::sort(order.begin(), order.begin() + used, before);
    return place_in_order(order.data(), used, placed.data());
  };
  extent->bound = most_at_once(order.data(), used);
  if (extent->bound < 0) return false;
  extent->bytes = place_by(larger);
  if (extent->bytes == extent->bound) return true;
  const int64_t other = place_by(more);
  extent->bytes = other <= extent->bytes ? other : place_by(larger);
  return true;
}

}  // namespace wtw
