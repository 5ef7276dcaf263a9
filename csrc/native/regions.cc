// For tests of threads: how finely work is split; the linker sends kernels' parallel regions here
// (--wrap), so that a test knows what was split.
#include <algorithm>
#include <cstdint>
#include <utility>

#include "api.h"
#include "core/pool.h"
#include "kernels/axis.h"

int64_t wtw::finer = 1;

// The linker's names of wtw::pool::run.
extern "C" {
void __real__ZN3wtw4pool3runElPFvPvliES1_(int64_t chunks, wtw::pool::Body body, void* context);
void __wrap__ZN3wtw4pool3runElPFvPvliES1_(int64_t chunks, wtw::pool::Body body, void* context);
}

namespace {
int64_t most_chunks = 0;
}

void __wrap__ZN3wtw4pool3runElPFvPvliES1_(int64_t chunks, wtw::pool::Body body, void* context) {
  most_chunks = std::max(most_chunks, chunks);
  __real__ZN3wtw4pool3runElPFvPvliES1_(chunks, body, context);
}

// The most chunks of a region since the last call; 0: there was none.
WTW_EXPORT(wtw_most_chunks) int64_t wtw_most_chunks() { return std::exchange(most_chunks, 0); }
// Ranges are cut into chunks that are so many times smaller from now on.
WTW_EXPORT(wtw_set_finer) void wtw_set_finer(int64_t times) { wtw::finer = times; }
