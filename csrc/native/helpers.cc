// A helper in native builds: any thread that the host starts, on its own stack.
#include <cstdint>

#include "api.h"
#include "core/pool.h"

// The handle is the worker's number; helpers start at 1, so none is null.
WTW_EXPORT(wtw_helper_new) void* wtw_helper_new() {
  const int worker = wtw::pool::add();
  return worker < 0 ? nullptr : reinterpret_cast<void*>(static_cast<intptr_t>(worker));
}

WTW_EXPORT(wtw_helper_run) void wtw_helper_run(void* helper) {
  wtw::pool::help(static_cast<int>(reinterpret_cast<intptr_t>(helper)));
}
