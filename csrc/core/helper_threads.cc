// A helper in the threaded wasm variants: a stack and a TLS block of its own, then the pool's loop.
//
// The host instantiates the module once more in another worker, on the same memory, and calls
// wtw_helper_run there before anything else.
#include <cstddef>
#include <cstdlib>

#include "api.h"
#include "core/memory.h"
#include "core/pool.h"

extern "C" void __wasm_init_tls(void* block);  // made by the linker for each instance

namespace {

constexpr size_t kStackBytes = 256 << 10;

struct Helper {
  std::byte* stack_top;
  std::byte* tls;
  int worker;
};

}  // namespace

asm(".globaltype __stack_pointer, i32\n");

WTW_EXPORT(wtw_helper_new) void* wtw_helper_new() {
  auto* helper = static_cast<Helper*>(std::malloc(sizeof(Helper)));
  std::byte* stack = wtw::allocate(kStackBytes);
  std::byte* tls = wtw::allocate(__builtin_wasm_tls_size());
  const int worker = helper && stack && tls ? wtw::pool::add() : -1;
  if (worker < 0) {
    std::free(tls);
    std::free(stack);
    std::free(helper);
    return nullptr;
  }
  *helper = {stack + kStackBytes, tls, worker};
  return helper;
}

// Must stay free of a frame: until the assignment the stack pointer is the main thread's.
WTW_EXPORT(wtw_helper_run) __attribute__((noinline)) void wtw_helper_run(void* handle) {
  const auto* helper = static_cast<const Helper*>(handle);
  __wasm_init_tls(helper->tls);
  asm volatile("local.get %0\nglobal.set __stack_pointer" : : "r"(helper->stack_top) : "memory");
  wtw::pool::help(helper->worker);
}
