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

// While one lives, of the arena and the weights only what the node may touch can be touched.
class Fences {
 public:
  Fences(const Session& session, const Call& call, Memory weights)
      : arena_{session.arena, static_cast<size_t>(session.arena_bytes)}, weights_(weights) {
    __asan_poison_memory_region(arena_.data, arena_.bytes);
    __asan_poison_memory_region(weights_.data, weights_.bytes);
    for (int i = 0; i < call.inputs(); ++i) {
      if (call.has(i)) open(call.in(i));
    }
    for (int i = 0; i < call.outputs(); ++i) open(call.out(i));
    open(call.scratch_base, call.scratch_room(pool::workers()));
  }
  ~Fences() {
    open(arena_.data, static_cast<int64_t>(arena_.bytes));
    open(weights_.data, static_cast<int64_t>(weights_.bytes));
  }
  Fences(const Fences&) = delete;
  Fences& operator=(const Fences&) = delete;

 private:
  static void open(std::byte* data, int64_t bytes) {
    __asan_unpoison_memory_region(data, static_cast<size_t>(bytes));
  }
  static void open(const Tensor& t) { open(t.data, t.span() * size_of(t.dtype)); }

  Memory arena_, weights_;
};

}  // namespace wtw::fuzz
