// What Emscripten's C library would import from its JavaScript: our modules import memory alone.
#ifndef WTW_NATIVE
#include <sched.h>

#include <cstddef>

// Our loader makes its views anew.
extern "C" void emscripten_notify_memory_growth(size_t) {}

// The lock of malloc spins on it.
int sched_yield() { return 0; }
#endif
