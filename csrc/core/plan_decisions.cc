// Symbols that the contents of a value decide in the run: which node that is, and that nothing of
// what depends on one is needed before.
#include <algorithm>

#include "core/plan_checker.h"

namespace wtw {
namespace {

// A decided symbol is a 0-d output of a node of its program.
Code decision(const Checker& checker, const SymbolRecord& symbol, uint32_t i) {
  const Plan& plan = checker.plan;
  const ProgramRecord& program = plan.programs[symbol.program];
  const bool inside = symbol.node >= program.first_node && symbol.node != kAbsent &&
                      symbol.node - program.first_node < program.nodes;
  WTW_REQUIRE(checker, inside, i);
  const NodeRecord& node = plan.nodes[symbol.node];
  WTW_REQUIRE(checker, symbol.output < node.outputs, i);
  const ValueRecord& value = plan.values[plan.output(node, symbol.output)];
  const DType dtype = symbol.is_float != 0 ? DType::float64 : DType::int64;
  WTW_REQUIRE(checker, value.rank == 0 && value.dtype == static_cast<uint8_t>(dtype), i);
  return Code::ok;
}

constexpr int32_t kNever = INT32_MAX;

// When what is known after node a and what is known after node b are known together: after the
// later one, if the other has run whenever it runs.
int32_t join(const Plan& plan, int32_t a, int32_t b) {
  if (a == b || a == kNever || b < 0) return a;
  if (b == kNever || a < 0) return b;
  const auto [first, last] = std::minmax(a, b);
  const bool both = plan.comes_before(static_cast<uint32_t>(first), static_cast<uint32_t>(last));
  return both ? last : kNever;
}

// The last node that decides a symbol of the expression.
int32_t after_expr(const Plan& plan, const ExprRecord& expr) {
  const Instruction* const code = plan.code.data + expr.first;
  int32_t after = -1;
  for (uint32_t at = 0; at < expr.count; at += words_of(code[at])) {
    const auto opcode = static_cast<Opcode>(code[at].opcode);
    if (opcode != Opcode::symbol && opcode != Opcode::symbolf) continue;
    const SymbolRecord& symbol = plan.symbols[static_cast<uint32_t>(code[at].argument)];
    if (symbol.is_decided()) after = join(plan, after, static_cast<int32_t>(symbol.node));
  }
  return after;
}

int32_t after_exprs(const Plan& plan, uint32_t first, uint32_t count) {
  int32_t after = -1;
  for (uint32_t i = 0; i < count; ++i) {
    after = join(plan, after, plan.expr_after[plan.refs[first + i]]);
  }
  return after;
}

int32_t after_value(const Plan& plan, const ValueRecord& value) {
  return join(plan, plan.expr_after[value.offset], after_exprs(plan, value.refs, 2u * value.rank));
}

int32_t after_node(const Plan& plan, const NodeRecord& node) {
  int32_t after = -1;
  for (uint32_t i = 0; i < node.inputs + node.outputs; ++i) {
    const uint32_t value = plan.refs[node.refs + i];
    if (value != kAbsent) after = join(plan, after, plan.value_after[value]);
  }
  for (uint32_t i = 0; i < node.attrs; ++i) {
    const AttrRecord& attr = plan.attrs[node.first_attr + i];
    after = join(plan, after, after_exprs(plan, attr.refs, attr.count));
  }
  return after;
}

bool derive(Plan& plan) {
  if (!plan.expr_after.reset(plan.exprs.count) || !plan.value_after.reset(plan.values.count) ||
      !plan.node_after.reset(plan.nodes.count) || !plan.decides.reset(plan.nodes.count)) {
    return false;
  }
  for (uint32_t i = 0; i < plan.symbols.count; ++i) {
    if (plan.symbols[i].is_decided()) plan.decides[plan.symbols[i].node] = true;
  }
  for (uint32_t i = 0; i < plan.exprs.count; ++i) {
    plan.expr_after[i] = after_expr(plan, plan.exprs[i]);
  }
  for (uint32_t i = 0; i < plan.values.count; ++i) {
    plan.value_after[i] = after_value(plan, plan.values[i]);
  }
  for (uint32_t i = 0; i < plan.nodes.count; ++i) {
    plan.node_after[i] = after_node(plan, plan.nodes[i]);
  }
  return true;
}

// Whether what is known after node `after` is known in the program before node `before`.
bool in_time(const Plan& plan, const ProgramRecord& program, int32_t after, uint32_t before) {
  if (after < 0) return true;
  const auto decided = static_cast<uint32_t>(after);
  return after != kNever && decided >= program.first_node && plan.comes_before(decided, before);
}

Code timely(const Checker& checker, const ProgramRecord& program) {
  const Plan& plan = checker.plan;
  const uint32_t end = program.first_node + program.nodes;
  for (uint32_t n = program.first_node; n < end; ++n) {
    WTW_REQUIRE(checker, in_time(plan, program, plan.node_after[n], n), n);
  }
  for (uint32_t i = 0; i < program.guards; ++i) {
    const int32_t after = plan.expr_after[plan.refs[program.first_guard + i]];
    const auto decided = static_cast<uint32_t>(after);
    WTW_REQUIRE(checker, after < 0 || (decided >= program.first_node && decided < end), i);
  }
  for (uint32_t i = 0; i < program.inputs + program.outputs; ++i) {
    const IoRecord& port = plan.io[program.first_io + i];
    if (i < program.inputs && port.kind != IoKind::tensor) continue;
    const int32_t after =
        port.kind == IoKind::tensor ? plan.value_after[port.ref] : plan.expr_after[port.ref];
    WTW_REQUIRE(checker, in_time(plan, program, after, i < program.inputs ? 0 : end), i);
  }
  return Code::ok;
}

}  // namespace

Code check_decisions(const Checker& checker) {
  Plan& plan = checker.plan;
  bool any = false;
  for (uint32_t i = 0; i < plan.symbols.count; ++i) {
    if (!plan.symbols[i].is_decided()) continue;
    WTW_TRY(decision(checker, plan.symbols[i], i));
    any = true;
  }
  if (!any) return Code::ok;
  if (!derive(plan)) return checker.fail(Code::out_of_memory, __LINE__);
  for (uint32_t i = 0; i < plan.programs.count; ++i) {
    WTW_TRY(timely(checker, plan.programs[i]));
  }
  return Code::ok;
}

}  // namespace wtw
