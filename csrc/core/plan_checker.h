// What the files of the plan checker share, and its steps in the order in which they run: each
// relies on what those before it have established.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/plan.h"
#include "core/require.h"

namespace wtw {

struct Checker {
  Plan& plan;
  Failure& failure;  // `node` is set while a node is looked at

  Code fail(Code code, int line, int64_t given = 0) const;
  // Whether `index` names an expression of that type.
  bool is_expr(uint32_t index, bool is_float) const;
  // Whether `refs` has n such indices from `first` on.
  bool are_exprs(uint32_t first, uint32_t n, bool is_float) const;
};

// The header and where each section lies (plan_header.cc).
Code check_header(const Checker& checker, const std::byte* bytes, size_t size);
// Operators, symbols, expressions, buffers, values and attributes, each record by itself
// (plan_records.cc).
Code check_records(const Checker& checker);
// Nodes against the operator table: arity, dtypes, attributes, aliasing (plan_nodes.cc).
Code check_nodes(const Checker& checker);
// Control nodes: how regions nest, where each goes on (plan_control.cc).
Code check_control(const Checker& checker);
// Programs: inputs and outputs, symbols' definitions, definition before use (plan_programs.cc).
Code check_programs(const Checker& checker);
// Symbols that nodes decide: nothing needs them before that node has run (plan_decisions.cc).
Code check_decisions(const Checker& checker);

}  // namespace wtw
