// A program at one set of sizes: every tensor, attribute and place in the arena, ready to run.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/arena.h"
#include "core/array.h"
#include "core/plan.h"

namespace wtw {

struct Session;

struct Binding {
  uint32_t program = kAbsent;
  uint64_t used = 0;          // for least-recently-used replacement
  int workers = 0;            // that scratch was planned for
  std::byte* base = nullptr;  // of the arena that addresses were computed for
  Extent arena;
  Array<int64_t> key;  // sizes and numbers of the inputs
  Array<Slot> symbols;
  Array<bool> known;  // which of symbols have a value
  Array<Slot> exprs;
  Array<bool> evaluated;  // which of exprs have a value
  Array<int64_t> buffer_bytes;
  Array<Placement> places;  // by buffer, then one for the scratch of each node
  Array<int64_t> offsets;   // of values inside their buffers, in bytes
  Array<Tensor> tensors;    // by value; rank -1 where the program does not name it
  Array<Call> calls;
  Array<const Tensor*> operands;
  Array<Attr> attrs;
  Array<Slot> numbers;  // of attrs
};

// Computes everything of a binding but addresses, for the sizes in the session's Io records.
Code make_binding(Session& session, uint32_t program, Binding* binding);

}  // namespace wtw
