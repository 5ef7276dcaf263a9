// A model's memory and its runs: binds a program to concrete sizes, plans the arena, calls kernels.
#pragma once

#include <cstddef>
#include <cstdint>

#include "api.h"
#include "core/arena.h"
#include "core/array.h"
#include "core/plan.h"

namespace wtw {

struct Model {
  Plan plan;
  const std::byte* weights = nullptr;
};

// Everything about one program at one set of sizes. Addresses are filled in by rebase().
struct Binding {
  uint32_t program = kAbsent;
  uint64_t used = 0;          // for least-recently-used replacement
  int workers = 0;            // that scratch was planned for
  std::byte* base = nullptr;  // of the arena that addresses were computed for
  int64_t arena_bytes = 0;
  Array<int64_t> key;  // sizes and numbers of the inputs
  Array<Slot> exprs;
  Array<Eval> expr_status;
  Array<int64_t> buffer_bytes;
  Array<Placement> places;  // by buffer, then one for the scratch of each node
  Array<int64_t> offsets;   // of values inside their buffers, in bytes
  Array<Tensor> tensors;    // by value
  Array<Call> calls;
  Array<const Tensor*> operands;
  Array<Attr> attrs;
  Array<Slot> numbers;  // of attrs
};

struct Session {
  static constexpr int kBindings = 4;

  Model* model = nullptr;
  Array<Array<Io>> io;       // by program
  Array<std::byte*> states;  // by buffer; null where the buffer is no state
  Array<int64_t> state_bytes;
  Binding bindings[kBindings];
  Array<int> bound;  // by program: index into bindings, or -1
  std::byte* arena = nullptr;
  int64_t arena_bytes = 0;
  uint64_t clock = 0;
  bool dirty = false;  // a run failed after it may have written state
  Failure failure;
};

// A session with its states allocated and reset; null with `failure` filled in.
Session* new_session(Model* model, Failure* failure);
void free_session(Session* session);
void reset_states(Session& session);

// See wtw_bind, wtw_run and wtw_peek.
Code bind(Session& session, uint32_t program);
Code run(Session& session, uint32_t program, uint32_t first, uint32_t count);
Code peek(Session& session, uint32_t program, uint32_t node, uint32_t output, Io* result,
          void* memory, size_t bytes);

// Computes everything of a binding but addresses (bind.cc).
Code make_binding(Session& session, uint32_t program, Binding* binding);

// 64-byte aligned; null when memory ran out. Free with std::free.
std::byte* allocate(size_t bytes);

}  // namespace wtw
