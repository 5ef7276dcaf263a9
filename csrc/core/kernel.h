// What a kernel is, and what it sees of the plan.
//
// A kernel is two functions. `check` runs once for each set of concrete sizes, before any run: it
// re-derives the output's shape, checks every attribute's range, asks for scratch memory and keeps
// what it decided in the memo. `run` computes; it allocates nothing. Both return Code::ok or the
// result of fail().
//
// Before `check` the core has already established, from the operator table: the number of operands
// and attributes, each operand's dtype and layout class (see ops.h), that every element of every
// operand lies inside its buffer (strides of an empty one are 0), that outputs are dense and
// overlap no input (unless the row says `inplace`), and that rank <= kMaxRank and numel < 2^40.
// Everything else is the kernel's to check: what `check` accepts, `run` must do without touching
// memory outside the operands. In `check` the data of operands is not there yet (data may be null),
// and memory may move between runs: a memo keeps offsets, never addresses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "core/memory.h"
#include "core/pool.h"
#include "core/tensor.h"
#include "errors.h"  // generated: enum class Code

namespace wtw {

// Where and what, for the host to turn into a message. A copy lives in the session.
struct Failure {
  Code code = Code::ok;
  int32_t node = -1;     // index in plan.bin
  int32_t operand = -1;  // input operand, or -1
  int32_t line = 0;      // in the source of the runtime, for bug reports
  int64_t given = 0;
  int64_t allowed = 0;
};

// An attribute at concrete sizes: numbers of one kind. Booleans, dtypes and enumerations are ints.
struct Attr {
  const int64_t* ints;
  const double* floats;
  int64_t count;
};

class Call {
 public:
  // Operands. A missing optional operand has has(i) == false.
  int inputs() const { return static_cast<int>(n_in); }
  int outputs() const { return static_cast<int>(n_out); }
  bool has(int i) const { return i < static_cast<int>(n_in) && in_[i] != nullptr; }
  const Tensor& in(int i) const { return *in_[i]; }
  const Tensor& out(int i = 0) const { return *out_[i]; }

  // Attributes by the index that ops.h names (op::conv2d::stride_).
  int64_t integer(int a) const { return attrs_[a].ints[0]; }
  double real(int a) const { return attrs_[a].floats[0]; }
  bool flag(int a) const { return attrs_[a].ints[0] != 0; }
  DType dtype(int a) const { return static_cast<DType>(attrs_[a].ints[0]); }
  std::span<const int64_t> integers(int a) const {
    return {attrs_[a].ints, static_cast<size_t>(attrs_[a].count)};
  }
  std::span<const double> reals(int a) const {
    return {attrs_[a].floats, static_cast<size_t>(attrs_[a].count)};
  }

  // In check: bytes of scratch, for all workers together or for each. 64-byte aligned in run.
  void need_scratch(int64_t bytes) { scratch_bytes = bytes; }
  void need_worker_scratch(int64_t bytes) { worker_bytes = aligned(bytes); }
  std::byte* scratch() const { return scratch_base; }
  std::byte* worker_scratch(int worker) const { return scratch_base + scratch_room(worker); }

  // Bytes that the shared scratch and that of so many workers take.
  int64_t scratch_room(int workers) const {
    return aligned(scratch_bytes) + workers * worker_bytes;
  }

  // What check decided, for run: one trivially copyable struct of at most 256 bytes.
  template <class T>
  T& memo() {
    static_assert(sizeof(T) <= sizeof(memo_) && std::is_trivially_copyable_v<T>);
    return *reinterpret_cast<T*>(memo_);
  }

  // Before a check: nothing of an earlier one stays.
  void forget() {
    scratch_bytes = worker_bytes = 0;
    for (std::byte& one : memo_) one = std::byte{};
  }

  // What run returns after a parallel region in which fail() may have been called.
  Code status() const { return failure->code; }
  // Reports a failure; from inside a parallel region too (the first one wins).
  Code fail(Code code, int line, int operand = -1, int64_t given = 0, int64_t allowed = 0);

  // --- filled by the core ---
  const Tensor* const* in_ = nullptr;
  const Tensor* const* out_ = nullptr;
  const Attr* attrs_ = nullptr;
  uint32_t n_in = 0, n_out = 0, n_attr = 0;
  int32_t node = -1;
  int64_t scratch_bytes = 0, worker_bytes = 0;
  std::byte* scratch_base = nullptr;
  Failure* failure = nullptr;

 private:
  alignas(16) std::byte memo_[256] = {};
};

struct Kernel {
  Code (*check)(Call&);
  Code (*run)(Call&);
};

// In check: the operands do not fit together; the plan was not made by our compiler.
#define WTW_CHECK(condition)                                            \
  do {                                                                  \
    if (!(condition)) return call.fail(Code::kernel_refused, __LINE__); \
  } while (false)

// Defines the kernel that the operator table's row `name` asks for.
#define WTW_KERNEL(name, check_fn, run_fn) \
  extern const Kernel kernel_##name;       \
  const Kernel kernel_##name = {check_fn, run_fn}

}  // namespace wtw
