// Regions of chunks in, all of them done out, by the caller and whichever helpers are awake.
#include "core/pool.h"

#include <algorithm>
#include <atomic>

#include "api.h"
#include "core/futex.h"

namespace wtw::pool {
namespace {

// An atomic load takes about 1 ns in a browser: about 70 us, longer than most operators that run
// alone, so that a helper is awake for the next region of a run.
constexpr int kSpins = 1 << 16;
constexpr int64_t kMaxRegion = int64_t{1} << 30;
constexpr uint32_t kLost = uint32_t{1} << 31;

struct Pool {
  // The region: number of chunks in the upper half, the next unclaimed one in the lower. Claiming
  // is an increment; a claim that succeeds holds the region open, so that `body`, `context` and
  // `first` stay valid until `done` has counted it. The lower half passes the upper by at most one
  // for each worker.
  alignas(64) std::atomic<uint64_t> ticket{0};
  Body body = nullptr;
  void* context = nullptr;
  int64_t first = 0;

  alignas(64) futex::Word done{0};  // chunks, or kLost and more
  std::atomic<bool> caller_sleeps{false};

  alignas(64) futex::Word wakings{0};
  std::atomic<uint32_t> sleepers{0};
  std::atomic<uint32_t> arrived{0};
  std::atomic<bool> quit{false};
  std::atomic<int> workers{1};

  // Helpers numbered `limit` or more sit out, asleep on the count of its changes.
  std::atomic<int> limit{kMaxWorkers};
  futex::Word limit_changes{0};
};

Pool pool;

uint32_t count_of(uint64_t ticket) { return static_cast<uint32_t>(ticket >> 32); }
uint32_t next_of(uint64_t ticket) { return static_cast<uint32_t>(ticket); }

bool claimable() {
  const uint64_t ticket = pool.ticket.load();
  return next_of(ticket) < count_of(ticket);
}

// Claims and runs chunks until none is left unclaimed.
void work(int worker) {
  while (claimable()) {
    const uint64_t ticket = pool.ticket.fetch_add(1);
    if (next_of(ticket) >= count_of(ticket)) return;
    pool.body(pool.context, pool.first + next_of(ticket), worker);
    const bool last = pool.done.fetch_add(1) + 1 == count_of(ticket);
    if (last && pool.caller_sleeps.load()) futex::notify_all(pool.done);
  }
}

void wake() {
  pool.wakings.fetch_add(1);
  futex::notify_all(pool.wakings);
}

// Waits for chunks that helpers hold: at most one each. A helper that trapped ends its caller too.
void join(uint32_t chunks) {
  for (int i = 0; i < kSpins; ++i) {
    if (pool.done.load(std::memory_order_acquire) == chunks) return;
  }
  pool.caller_sleeps.store(true);
  for (uint32_t done; (done = pool.done.load()) != chunks;) {
    if (done >= kLost) __builtin_trap();
    futex::wait(pool.done, done);
  }
  pool.caller_sleeps.store(false);
}

void run_region(int64_t first, uint32_t chunks, Body body, void* context) {
  pool.body = body;
  pool.context = context;
  pool.first = first;
  pool.done.store(0);
  pool.ticket.store(uint64_t{chunks} << 32);
  // Either a helper that goes to sleep sees the ticket, or its count is seen here.
  if (pool.sleepers.load() > 0) wake();
  work(0);
  join(chunks);
}

void sleep() {
  const uint32_t wakings = pool.wakings.load();
  pool.sleepers.fetch_add(1);
  if (!claimable() && !pool.quit.load()) futex::wait(pool.wakings, wakings);
  pool.sleepers.fetch_sub(1);
}

// True after sitting out, until the limit changed.
bool sat_out(int worker) {
  const uint32_t changes = pool.limit_changes.load();
  if (worker < pool.limit.load() || pool.quit.load()) return false;
  futex::wait(pool.limit_changes, changes);
  return true;
}

// True when there is work before the spinning ends: the next region of a run is near.
bool spin() {
  for (int i = 0; i < kSpins; ++i) {
    if (claimable()) return true;
  }
  return false;
}

}  // namespace

int workers() { return pool.workers.load(); }

void run(int64_t chunks, Body body, void* context) {
  if (chunks <= 1 || pool.arrived.load() == 0 || pool.limit.load() == 1) {
    for (int64_t chunk = 0; chunk < chunks; ++chunk) body(context, chunk, 0);
    return;
  }
  for (int64_t first = 0; first < chunks; first += kMaxRegion) {
    run_region(first, static_cast<uint32_t>(std::min(chunks - first, kMaxRegion)), body, context);
  }
}

int add() {
  const int workers = pool.workers.load();
  if (workers == kMaxWorkers) return -1;
  pool.workers.store(workers + 1);
  return workers;
}

void help(int worker) {
  pool.arrived.fetch_add(1);
  while (!pool.quit.load()) {
    if (sat_out(worker)) continue;
    work(worker);
    if (!spin()) sleep();
  }
  pool.arrived.fetch_sub(1);
}

void set_limit(int limit) {
  if (pool.limit.exchange(limit) == limit) return;
  pool.limit_changes.fetch_add(1);
  futex::notify_all(pool.limit_changes);
}

}  // namespace wtw::pool

WTW_EXPORT(wtw_helper_lost) void wtw_helper_lost() {
  wtw::pool::pool.done.fetch_or(wtw::pool::kLost);
  wtw::futex::notify_all(wtw::pool::pool.done);
}

WTW_EXPORT(wtw_helpers_quit) void wtw_helpers_quit() {
  wtw::pool::pool.quit.store(true);
  wtw::pool::set_limit(wtw::pool::kMaxWorkers);
  wtw::pool::wake();
}

WTW_EXPORT(wtw_helpers) uint32_t wtw_helpers() { return wtw::pool::pool.arrived.load(); }

WTW_EXPORT(wtw_set_threads) void wtw_set_threads(uint32_t threads) {
  constexpr uint32_t most = wtw::pool::kMaxWorkers;
  wtw::pool::set_limit(static_cast<int>(std::clamp(threads, 1u, most)));
}
