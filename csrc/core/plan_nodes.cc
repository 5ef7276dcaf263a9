// Nodes against the operator table: arity, dtypes, attributes, and which memory outputs may take.
#include <cstring>

#include "core/plan_checker.h"

namespace wtw {
namespace {

Code operand(const Checker& checker, const OperandSpec& spec, uint32_t value, bool output) {
  if (value == kAbsent) {
    WTW_REQUIRE(checker, !output && (spec.flags & kOptional) != 0, value);
    return Code::ok;
  }
  WTW_REQUIRE(checker, value < checker.plan.values.count, value);
  const ValueRecord& record = checker.plan.values[value];
  WTW_REQUIRE(checker, (spec.dtypes & mask_of(static_cast<DType>(record.dtype))) != 0, value);
  if (record.is_packed()) {
    WTW_REQUIRE(checker, !output && (spec.layouts & kPanel8) != 0, value);
  }
  return Code::ok;
}

// Of two values in one buffer.
bool same_place(const Plan& plan, uint32_t a, uint32_t b) {
  const ValueRecord& x = plan.values[a];
  const ValueRecord& y = plan.values[b];
  if (x.dtype != y.dtype || x.rank != y.rank || x.offset != y.offset) return false;
  return std::memcmp(&plan.refs.data[x.refs], &plan.refs.data[y.refs],
                     2 * sizeof(uint32_t) * x.rank) == 0;
}

// Outputs go to memory of their own, or take the place of the one input that the row allows.
Code aliasing(const Checker& checker, const NodeRecord& node, const OpSpec& spec) {
  const Plan& plan = checker.plan;
  for (uint32_t o = 0; o < node.outputs; ++o) {
    const uint32_t out = plan.output(node, o);
    const uint32_t buffer = plan.values[out].buffer;
    WTW_REQUIRE(checker, plan.buffers[buffer].kind != BufferKind::weight, out);
    for (uint32_t i = 0; i < node.inputs; ++i) {
      const uint32_t in = plan.input(node, i);
      if (in == kAbsent || plan.values[in].buffer != buffer) continue;
      const bool allowed = o == 0 && static_cast<int32_t>(i) == spec.inplace;
      WTW_REQUIRE(checker, allowed && same_place(plan, in, out), out);
    }
    for (uint32_t other = 0; other < o; ++other) {
      WTW_REQUIRE(checker, plan.values[plan.output(node, other)].buffer != buffer, out);
    }
  }
  return Code::ok;
}

Code arity(const Checker& checker, const NodeRecord& node, const OpSpec& spec) {
  const bool more = spec.is_variadic() && node.inputs > spec.n_in;
  WTW_REQUIRE(checker, node.inputs == spec.n_in || more, node.inputs);
  WTW_REQUIRE(checker, node.inputs <= kMaxOperands, node.inputs);
  WTW_REQUIRE(checker, node.outputs == spec.n_out && node.attrs == spec.n_attr, node.outputs);
  WTW_REQUIRE(checker, checker.plan.refs.holds(node.refs, node.inputs + node.outputs), node.refs);
  WTW_REQUIRE(checker, checker.plan.attrs.holds(node.first_attr, node.attrs), node.first_attr);
  return Code::ok;
}

// A control node has no operator; a choice and a test read a 0-d bool.
Code check_control_node(const Checker& checker, const NodeRecord& node) {
  const Plan& plan = checker.plan;
  WTW_REQUIRE(checker, node.control <= Control::end && node.op == kAbsent, node.op);
  const bool reads = node.control == Control::choose || node.control == Control::test;
  WTW_REQUIRE(checker, node.inputs == (reads ? 1 : 0), node.inputs);
  WTW_REQUIRE(checker, node.outputs == 0 && node.attrs == 0, node.outputs);
  WTW_REQUIRE(checker, plan.refs.holds(node.refs, node.inputs), node.refs);
  if (!reads) return Code::ok;
  const uint32_t value = plan.input(node, 0);
  WTW_REQUIRE(checker, value < plan.values.count, node.control);
  const ValueRecord& record = plan.values[value];
  const bool is_bool = record.dtype == static_cast<uint8_t>(DType::boolean);
  WTW_REQUIRE(checker, is_bool && record.rank == 0, value);
  return Code::ok;
}

Code check_node(const Checker& checker, const NodeRecord& node) {
  const Plan& plan = checker.plan;
  WTW_REQUIRE(checker, node.zero == 0, node.zero);
  if (node.control != Control::none) return check_control_node(checker, node);
  WTW_REQUIRE(checker, node.op < plan.ops.count, node.op);
  const OpSpec& spec = plan.spec(node);
  WTW_TRY(arity(checker, node, spec));
  for (uint32_t i = 0; i < node.inputs; ++i) {
    WTW_TRY(operand(checker, spec.input(i), plan.input(node, i), false));
  }
  for (uint32_t i = 0; i < node.outputs; ++i) {
    WTW_TRY(operand(checker, spec.outputs[i], plan.output(node, i), true));
  }
  for (uint32_t i = 0; i < node.attrs; ++i) {
    const uint32_t kind = plan.attrs[node.first_attr + i].kind;
    WTW_REQUIRE(checker, kind == static_cast<uint32_t>(spec.attrs[i].kind), i);
  }
  return aliasing(checker, node, spec);
}

}  // namespace

Code check_nodes(const Checker& checker) {
  const Plan& plan = checker.plan;
  WTW_REQUIRE(checker, plan.nodes.count <= kMaxNodes, plan.nodes.count);
  uint64_t operands = 0, numbers = 0;  // nodes may share references: small files can name many
  for (uint32_t i = 0; i < plan.nodes.count; ++i) {
    const NodeRecord& node = plan.nodes[i];
    checker.failure.node = static_cast<int32_t>(i);
    WTW_TRY(check_node(checker, node));
    operands += node.inputs + node.outputs;
    for (uint32_t a = 0; a < node.attrs; ++a) numbers += plan.attrs[node.first_attr + a].count;
    WTW_REQUIRE(checker, operands <= kMaxOperands, operands);
    WTW_REQUIRE(checker, numbers <= kMaxOperands, numbers);
  }
  checker.failure.node = -1;
  return Code::ok;
}

}  // namespace wtw
