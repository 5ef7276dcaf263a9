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
  WTW_REQUIRE(checker, symbol.node - program.first_node < program.nodes, i);
  const NodeRecord& node = plan.nodes[symbol.node];
  WTW_REQUIRE(checker, symbol.output < node.outputs, i);
  const ValueRecord& value = plan.values[plan.output(node, symbol.output)];
  const DType dtype = symbol.is_float != 0 ? DType::float64 : DType::int64;
  WTW_REQUIRE(checker, value.rank == 0 && value.dtype == static_cast<uint8_t>(dtype), i);
  return Code::ok;
}

constexpr int32_t kNever = INT32_MAX;  // behind every node

// When what is known after node a and what is known after node b are known together: after the
// later one, if the other has run whenever it runs.
int32_t join(const Plan& plan, int32_t a, int32_t b) {
  const auto [first, last] = std::minmax(a, b);
  if (first < 0 || first == last) return last;
  const bool both = plan.comes_before(static_cast<uint32_t>(first), static_cast<uint32_t>(last));
  return both ? last : kNever;
}

// After the last node that decides a symbol of the expression.
int32_t after_expr(const Plan& plan, const ExprRecord& expr) {
  const Instruction* const code = plan.code.data + expr.first;
  int32_t after = -1;
  for (uint32_t at = 0; at < expr.count; at += words_of(code[at])) {
    const auto opcode = static_cast<Opcode>(code[at].opcode);
    if (opcode != Opcode::symbol && opcode != Opcode::symbolf) continue;
    after = join(plan, after, plan.after(static_cast<uint32_t>(code[at].argument)));
  }
  return after;
}

int32_t after_exprs(const Plan& plan, uint32_t first, uint32_t count) {
  int32_t after = -1;
  for (uint32_t i = 0; i < count; ++i) {
    after = join(plan, after, plan.after_expr(plan.refs[first + i]));
  }
  return after;
}

int32_t after_value(const Plan& plan, const ValueRecord& value) {
  return join(plan, plan.after_expr(value.offset), after_exprs(plan, value.refs, 2u * value.rank));
}

int32_t after_node(const Plan& plan, const NodeRecord& node) {
  int32_t after = -1;
  for (uint32_t i = 0; i < node.inputs + node.outputs; ++i) {
    const uint32_t value = plan.refs[node.refs + i];
    if (value != kAbsent) after = join(plan, after, plan.after_value(value));
  }
  for (uint32_t i = 0; i < node.attrs; ++i) {
    const AttrRecord& attr = plan.attrs[node.first_attr + i];
    after = join(plan, after, after_exprs(plan, attr.refs, attr.count));
  }
  return after;
}

// When everything is known, each from what it is made of, which lies before it.
void derive(Plan& plan) {
  Plan::Known* known = plan.known.data();
  for (const SymbolRecord& symbol : plan.symbols) {
    (known++)->after = symbol.is_decided() ? static_cast<int32_t>(symbol.node) : -1;
  }
  for (const ExprRecord& expr : plan.exprs) (known++)->after = after_expr(plan, expr);
  for (const ValueRecord& value : plan.values) (known++)->after = after_value(plan, value);
  for (const NodeRecord& node : plan.nodes) (known++)->after = after_node(plan, node);
}

// Chains what is known after each node.
void chain(Plan& plan) {
  for (uint32_t at = plan.nodes_at() + plan.nodes.count; at-- > 0;) {
    const auto node = static_cast<uint32_t>(plan.known[at].after);
    if (node >= plan.nodes.count) continue;  // known when a run is bound, or never
    uint32_t& first = plan.known[plan.nodes_at() + node].first;
    plan.known[at].next = first;
    first = at;
  }
}

// Whether what is known after node `after` is known in the program before node `before`.
bool in_time(const Plan& plan, const ProgramRecord& program, int32_t after, uint32_t before) {
  if (after < 0) return true;
  const auto decided = static_cast<uint32_t>(after);
  return decided >= program.first_node && plan.comes_before(decided, before);
}

Code timely(const Checker& checker, const ProgramRecord& program) {
  const Plan& plan = checker.plan;
  const uint32_t end = program.first_node + program.nodes;
  for (uint32_t n = program.first_node; n < end; ++n) {
    WTW_REQUIRE(checker, in_time(plan, program, plan.after_node(n), n), n);
  }
  for (uint32_t i = 0; i < program.guards; ++i) {
    const int32_t after = plan.after_expr(plan.refs[program.first_guard + i]);
    const uint32_t decided = static_cast<uint32_t>(after) - program.first_node;
    WTW_REQUIRE(checker, after < 0 || decided < program.nodes, i);
  }
  for (uint32_t i = 0; i < program.inputs + program.outputs; ++i) {
    const IoRecord& port = plan.io[program.first_io + i];
    if (i < program.inputs && port.kind != IoKind::tensor) continue;
    const int32_t after =
        port.kind == IoKind::tensor ? plan.after_value(port.ref) : plan.after_expr(port.ref);
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
  const bool room = plan.known.reset(size_t{plan.nodes_at()} + plan.nodes.count);
  if (!room) return checker.fail(Code::out_of_memory, __LINE__);
  derive(plan);
  chain(plan);
  for (uint32_t i = 0; i < plan.programs.count; ++i) {
    WTW_TRY(timely(checker, plan.programs[i]));
  }
  return Code::ok;
}

}  // namespace wtw
