// For tests of memory that runs out: the linker sends the core's allocations here (--wrap).
#include <atomic>
#include <cstdint>
#include <cstdlib>

#include "api.h"

// The linker's names, reserved for that.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" {
void* __real_malloc(size_t bytes);
void* __real_calloc(size_t count, size_t bytes);
void* __real_aligned_alloc(size_t alignment, size_t bytes);
void __real_free(void* memory);
}

namespace {

std::atomic<int64_t> granted{INT64_MAX};
std::atomic<int64_t> live{0};

void* counted(void* memory) {
  if (memory != nullptr) ++live;
  return memory;
}

bool grants() { return granted-- > 0; }

}  // namespace

extern "C" {
void* __wrap_malloc(size_t bytes) { return grants() ? counted(__real_malloc(bytes)) : nullptr; }
// What a compiler makes of malloc and zeros.
void* __wrap_calloc(size_t count, size_t bytes) {
  return grants() ? counted(__real_calloc(count, bytes)) : nullptr;
}
void* __wrap_aligned_alloc(size_t alignment, size_t bytes) {
  return grants() ? counted(__real_aligned_alloc(alignment, bytes)) : nullptr;
}
void __wrap_free(void* memory) {
  if (memory != nullptr) --live;
  __real_free(memory);
}
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)

// So many allocations succeed from now on, then none.
WTW_EXPORT(wtw_grant_allocations) void wtw_grant_allocations(int64_t count) { granted = count; }
// How many are not freed.
WTW_EXPORT(wtw_live_allocations) int64_t wtw_live_allocations() { return live; }
