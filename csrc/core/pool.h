// Threads: a region of chunks that the caller and parked helpers work off together.
//
// The caller joins on work, never on workers: a helper that has not woken is not waited for.
// Work is split by shape, so the number of threads changes no bit of any result.
#pragma once

#include <cstdint>
#include <type_traits>

namespace wtw::pool {

inline constexpr int kMaxWorkers = 32;

// body(context, chunk, worker): worker 0 is the caller; 0 <= worker < workers().
using Body = void (*)(void* context, int64_t chunk, int worker);

// The caller and the helpers that may join, now or later; at least 1. Only add() changes it, so a
// host that adds all helpers before the first binding keeps worker scratch valid.
int workers();

// Runs body for every chunk in [0, chunks) and returns when all are done. Not re-entrant.
void run(int64_t chunks, Body body, void* context);

template <class F>
void parallel(int64_t chunks, F&& f) {
  using Fn = std::remove_reference_t<F>;
  run(
      chunks,
      [](void* context, int64_t chunk, int worker) { (*static_cast<Fn*>(context))(chunk, worker); },
      const_cast<void*>(static_cast<const void*>(&f)));
}

// Makes room for one more helper: its worker number, or -1 when there are kMaxWorkers.
int add();
// What a helper's thread does: works off regions until quit, and spins a little after each before
// it sleeps. `worker` is from add().
void help(int worker);
// Workers numbered `limit` (at least 1) or more sit out from now on.
void set_limit(int limit);

}  // namespace wtw::pool
