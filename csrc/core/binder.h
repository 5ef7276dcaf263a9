// What the files that make a binding share, and their steps in the order in which they run. Nothing
// in them trusts the plan's arithmetic.
#pragma once

#include <cstdint>

#include "core/binding.h"
#include "core/require.h"
#include "core/session.h"

namespace wtw {

inline constexpr int64_t kMaxBytes = 8 * kMaxElements;  // of a buffer, and of a node's scratch

struct Binder {
  Session& session;
  const Plan& plan;
  uint32_t index;
  const ProgramRecord& program;
  Binding& binding;

  Code fail(Code code, int line, int64_t given = 0, int64_t allowed = 0, int operand = -1,
            int node = -1) const;
  // The value of an int expression; false where it has none at these sizes.
  bool integer(uint32_t expr, int64_t* value) const;
  // Computes an expression from the symbols that are known.
  void evaluate(uint32_t expr) const;
};

// Symbols from the inputs, then all expressions; declared shapes and guards hold
// (binding_sizes.cc).
Code bind_sizes(const Binder& binder);
// The guards that are known after that node hold; -1: when the run is bound (binding_sizes.cc).
Code check_guards(const Binder& binder, int32_t after);
// Bytes of each buffer (binding_memory.cc).
Code bind_buffers(const Binder& binder);
// Every tensor that the program names, inside its buffer (binding_tensors.cc).
Code bind_tensors(const Binder& binder);
// One of them (binding_tensors.cc).
Code bind_tensor(const Binder& binder, uint32_t value);
// Outputs of the program are dense, those that are known (binding_tensors.cc).
Code check_ports(const Binder& binder, int32_t after);
// Attributes and operands of each node, and the kernels' own checks (binding_nodes.cc).
Code bind_nodes(const Binder& binder);
// Node i of the program: its attributes' values, its layouts, its kernel's check
// (binding_nodes.cc).
Code check_call(const Binder& binder, uint32_t i);
// When each buffer lives and where it lies in the arena (binding_memory.cc).
Code bind_arena(const Binder& binder);

}  // namespace wtw
