// Sleeping on a 32-bit word: the WebAssembly instructions, or the standard library's in native
// builds.
#pragma once

#include <atomic>
#include <cstdint>

namespace wtw::futex {

using Word = std::atomic<uint32_t>;
static_assert(sizeof(Word) == sizeof(uint32_t));

#ifndef WTW_NATIVE
inline void wait_instruction(Word& word, uint32_t value) {
  __builtin_wasm_memory_atomic_wait32(reinterpret_cast<int*>(&word), static_cast<int>(value), -1);
}
// V8's baseline compiler (Node 20) loses registers across the instruction. A call through a pointer
// that must be loaded keeps it in a function of its own, whatever the optimisers inline.
inline void (*volatile wait_pointer)(Word&, uint32_t) = wait_instruction;
#endif

// Sleeps until notified, unless the word no longer holds `value`. May wake for no reason. Traps
// where memory is not shared or the thread must not block: the caller sees to that.
inline void wait(Word& word, uint32_t value) {
#ifdef WTW_NATIVE
  word.wait(value, std::memory_order_relaxed);
#else
  wait_pointer(word, value);
#endif
}

inline void notify_all(Word& word) {
#ifdef WTW_NATIVE
  word.notify_all();
#else
  __builtin_wasm_memory_atomic_notify(reinterpret_cast<int*>(&word), UINT32_MAX);
#endif
}

}  // namespace wtw::futex
