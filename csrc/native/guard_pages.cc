// For tests of what kernels touch: a node runs with each of its operands, and its scratch, in a
// mapping of its own between pages that nobody may touch.
//
// Of an operand a kernel may touch the elements, from the first to the last in memory
// (Tensor::span()), and not a byte more: no padding is promised, as an operand may be a view that
// begins at any element and ends before others' memory. So the pages lie right behind the last
// element or right before the first one. Scratch is whole cache lines, and may be touched whole.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <csetjmp>
#include <csignal>
#include <cstring>
#include <utility>
#include <vector>

#include "api.h"
#include "core/session.h"

namespace wtw {
namespace {

constexpr size_t kGuard = 1 << 20;         // on each side, for those who miss by more than a page
constexpr int kUnwritten = 0xFF;           // NaN in every float, -1 in every integer
constexpr uint32_t kTouched = UINT32_MAX;  // no Code

// One operand's memory, and the guards around it.
class Guarded {
 public:
  Guarded(size_t bytes, bool behind) : bytes_(bytes) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t open = (bytes + page - 1) / page * page;
    mapped_ = open + 2 * kGuard;
    void* const memory = mmap(nullptr, mapped_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) __builtin_trap();
    base_ = static_cast<std::byte*>(memory);
    if (mprotect(base_ + kGuard, open, PROT_READ | PROT_WRITE) != 0) __builtin_trap();
    data = base_ + kGuard + (behind ? open - bytes : 0);
    std::memset(data, kUnwritten, bytes);
  }
  Guarded(Guarded&& other) noexcept
      : data(other.data),
        base_(std::exchange(other.base_, nullptr)),
        mapped_(other.mapped_),
        bytes_(other.bytes_) {}
  ~Guarded() {
    if (base_ != nullptr) munmap(base_, mapped_);
  }

  void copy_from(const std::byte* from) const { std::memcpy(data, from, bytes_); }
  void copy_to(std::byte* to) const { std::memcpy(to, data, bytes_); }
  bool holds(const std::byte* address) const {
    return base_ <= address && address < base_ + mapped_;
  }
  int64_t bytes() const { return static_cast<int64_t>(bytes_); }

  std::byte* data;

 private:
  std::byte* base_;
  size_t mapped_, bytes_;
};

// While one lives, a call's operands are guarded; then the outputs are where they belong.
class Guards {
 public:
  Guards(Call& call, bool behind, int64_t cut)
      : call_(call), scratch_(call.scratch_base), behind_(behind), cut_(cut) {
    const auto inputs = static_cast<uint32_t>(call.inputs());
    for (uint32_t i = 0; i < inputs; ++i) {
      if (call.in_[i] != nullptr) move(i, call.in_[i]);
    }
    for (uint32_t o = 0; o < call.n_out; ++o) {
      if (call.out_[o]->rank >= 0) move(inputs + o, call.out_[o]);
    }
    const int64_t scratch = call.scratch_room(pool::workers());
    moved_.push_back(
        {inputs + call.n_out, nullptr, nullptr, Guarded(static_cast<size_t>(scratch), behind)});
    call.scratch_base = moved_.back().memory.data;
  }
  ~Guards() {
    for (const Moved& one : moved_) {
      if (one.tensor == nullptr) continue;
      one.tensor->data = one.from;
      if (one.operand >= call_.n_in) one.memory.copy_to(one.from);
    }
    call_.scratch_base = scratch_;
  }
  Guards(const Guards&) = delete;
  Guards& operator=(const Guards&) = delete;

  // The operand whose guard the address is, the offset from its beginning, and its bytes; -1 and
  // the address where it is nobody's.
  void explain(const std::byte* address, int64_t* told) const {
    told[0] = -1;
    told[1] = reinterpret_cast<intptr_t>(address);
    for (const Moved& one : moved_) {
      if (!one.memory.holds(address)) continue;
      told[0] = one.operand;
      told[1] = address - one.memory.data;
      told[2] = one.memory.bytes();
    }
  }

 private:
  struct Moved {
    uint32_t operand;
    Tensor* tensor;  // null: scratch
    std::byte* from;
    Guarded memory;
  };

  // A value may be several inputs; an output may take the place of an input, and lies there alone.
  void move(uint32_t operand, const Tensor* named) {
    auto* const tensor = const_cast<Tensor*>(named);
    for (const Moved& one : moved_) {
      if (one.tensor == tensor) return;
    }
    std::byte* const from = tensor->data;
    Guarded memory(room(tensor->span() * size_of(tensor->dtype)), behind_);
    const bool is_input = operand < call_.n_in;
    if (is_input) memory.copy_from(from);
    for (const Moved& one : moved_) {
      const bool same = one.from == from && one.memory.bytes() == memory.bytes();
      if (is_input || !same) continue;
      memory.copy_from(from);
      one.tensor->data = memory.data;
    }
    tensor->data = memory.data;
    moved_.push_back({operand, tensor, from, std::move(memory)});
  }

  size_t room(int64_t bytes) const {
    return static_cast<size_t>(std::max(bytes - cut_, int64_t{0}));
  }

  Call& call_;
  std::byte* scratch_;
  bool behind_;
  int64_t cut_;
  std::vector<Moved> moved_;
};

sigjmp_buf landing;
const std::byte* touched;

void land(int, siginfo_t* info, void*) {
  touched = static_cast<const std::byte*>(info->si_addr);
  siglongjmp(landing, 1);
}

// wtw_run of one node between guards.
uint32_t run_node(Session* session, uint32_t program, uint32_t node, bool behind, int64_t cut,
                  int64_t* told) {
  const Guards guards(session->bound[program]->calls[node], behind, cut);
  if (sigsetjmp(landing, 1) == 0) return wtw_run(session, program, node, 1);
  told[0] = node;
  guards.explain(touched, told + 1);
  return kTouched;
}

}  // namespace
}  // namespace wtw

// Runs the bound program, with guards behind operands or before them. Where a node touches what is
// not its own, the result is no Code but UINT32_MAX, and `told` four numbers: the node; the operand
// (inputs, then outputs, then scratch); which byte of it, and how many it has. Operand -1 and an
// address: nobody's. That session cannot go on. `cut` bytes of each operand are guarded too: 0, but
// where a test wants to see that kernels are caught.
WTW_EXPORT(wtw_run_guarded)
uint32_t wtw_run_guarded(wtw::Session* session, uint32_t program, uint32_t behind, int64_t cut,
                         int64_t* told) {
  struct sigaction action = {}, before = {};
  action.sa_sigaction = wtw::land;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSEGV, &action, &before);
  uint32_t code = 0, node = 0;
  while (code == 0 && node < session->bound[program]->calls.size()) {
    code = wtw::run_node(session, program, node, behind != 0, cut, told);
    node = wtw_next(session);
  }
  sigaction(SIGSEGV, &before, nullptr);
  return code;
}
