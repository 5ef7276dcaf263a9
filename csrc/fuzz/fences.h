// ASan's view of the runtime's memory: around one node, all but its operands and scratch is fenced.
//
// The arena is one allocation, so a kernel that leaves its operand would go unseen.
#pragma once

#include <sanitizer/asan_interface.h>

#include <cstddef>
#include <cstdint>

#include "core/session.h"

namespace wtw::fuzz {

struct Memory {
  std::byte* data = nullptr;
  size_t bytes = 0;
};

// Bytes from a tensor's first element to behind its last.
inline size_t extent(const Tensor& t) {
  if (t.numel == 0) return 0;
  int64_t elements = 1;
  if (t.layout == Layout::panel8) {
    elements = (t.shape[0] / t.groups + 7) / 8 * 8 * t.groups * (t.numel / t.shape[0]);
  } else {
    for (int axis = 0; axis < t.rank; ++axis) elements += (t.shape[axis] - 1) * t.stride[axis];
  }
  return static_cast<size_t>(elements * size_of(t.dtype));
}

// While one lives, of the arena and the weights only what the node may touch can be touched.
class Fences {
 public:
  Fences(const Session& session, const Call& call, Memory weights)
      : arena_{session.arena, static_cast<size_t>(session.arena_bytes)}, weights_(weights) {
    __asan_poison_memory_region(arena_.data, arena_.bytes);
    __asan_poison_memory_region(weights_.data, weights_.bytes);
    for (int i = 0; i < call.inputs(); ++i) {
      if (call.has(i)) open(call.in(i).data, extent(call.in(i)));
    }
    for (int i = 0; i < call.outputs(); ++i) open(call.out(i).data, extent(call.out(i)));
    const int64_t shared = (call.scratch_bytes + 63) & ~int64_t{63};
    open(call.scratch_base, static_cast<size_t>(shared + call.worker_bytes * pool::workers()));
  }
  ~Fences() {
    open(arena_.data, arena_.bytes);
    open(weights_.data, weights_.bytes);
  }
  Fences(const Fences&) = delete;
  Fences& operator=(const Fences&) = delete;

 private:
  static void open(std::byte* data, size_t bytes) { __asan_unpoison_memory_region(data, bytes); }

  Memory arena_, weights_;
};

}  // namespace wtw::fuzz
