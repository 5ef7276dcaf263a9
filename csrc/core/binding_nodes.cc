// The call of each node: attributes and operands as the operator table wants them, then the
// kernel's own check.
#include "core/binder.h"

namespace wtw {
namespace {

// An attribute's values, written to `slots`; dtypes and choices must be ones that exist.
Code attribute(const Binder& binder, const AttrRecord& record, const AttrSpec& spec, Slot* slots) {
  for (uint32_t i = 0; i < record.count; ++i) {
    const uint32_t expr = binder.plan.refs[record.refs + i];
    WTW_REQUIRE(binder, binder.binding.evaluated[expr], expr);
    slots[i] = binder.binding.exprs[expr];
  }
  if (spec.kind == AttrKind::dtype) {
    WTW_REQUIRE(binder, slots->i >= 0 && slots->i < kDTypes, slots->i);
  }
  if (spec.kind == AttrKind::choice) {
    WTW_REQUIRE(binder, slots->i >= 0 && slots->i < int64_t{spec.choices}, slots->i);
  }
  return Code::ok;
}

// The operands, written to `operands`; their layouts must be ones that the kernel takes.
Code operands(const Binder& binder, uint32_t index, const Tensor** operands) {
  const NodeRecord& node = binder.plan.nodes[index];
  const OpSpec& spec = binder.plan.spec(node);
  for (uint32_t i = 0; i < node.inputs + node.outputs; ++i) {
    const uint32_t value = binder.plan.refs[node.refs + i];
    operands[i] = value == kAbsent ? nullptr : &binder.binding.tensors[value];
    if (value == kAbsent) continue;
    const OperandSpec& wanted = i < node.inputs ? spec.input(i) : spec.outputs[i - node.inputs];
    if ((layout_bits(*operands[i]) & wanted.layouts) == 0) {
      return binder.fail(Code::plan_invalid, __LINE__, value, 0, static_cast<int>(i),
                         static_cast<int>(index));
    }
  }
  return Code::ok;
}

// Room for what the kernel's check asked for, while the node runs.
Code scratch(const Binder& binder, const Call& call, uint32_t index) {
  WTW_REQUIRE(binder, call.scratch_bytes >= 0 && call.scratch_bytes <= kMaxBytes, index);
  WTW_REQUIRE(binder, call.worker_bytes >= 0 && call.worker_bytes <= kMaxBytes, index);
  const auto node = static_cast<int32_t>(index);
  const int64_t bytes = call.scratch_room(binder.binding.workers);
  binder.binding.places[binder.plan.buffers.count + index] = {bytes, node, node, 0};
  return Code::ok;
}

}  // namespace

Code bind_nodes(const Binder& binder) {
  const Plan& plan = binder.plan;
  const Tensor** operand = binder.binding.operands.data();
  Attr* attr = binder.binding.attrs.data();
  Slot* number = binder.binding.numbers.data();
  for (uint32_t i = 0; i < binder.program.nodes; ++i) {
    const uint32_t index = binder.program.first_node + i;
    const NodeRecord& node = plan.nodes[index];
    const OpSpec& spec = plan.spec(node);
    Call& call = binder.binding.calls[i];
    call.in_ = operand;
    call.out_ = operand + node.inputs;
    call.attrs_ = attr;
    call.n_in = node.inputs;
    call.n_out = node.outputs;
    call.n_attr = node.attrs;
    call.node = static_cast<int32_t>(index);
    call.failure = &binder.session.failure;
    for (uint32_t a = 0; a < node.attrs; ++a) {
      const AttrRecord& record = plan.attrs[node.first_attr + a];
      WTW_TRY(attribute(binder, record, spec.attrs[a], number));
      *attr++ = {&number->i, &number->f, record.count};
      number += record.count;
    }
    WTW_TRY(operands(binder, index, operand));
    operand += node.inputs + node.outputs;
    WTW_TRY(spec.kernel->check(call));
    WTW_TRY(scratch(binder, call, i));
  }
  return Code::ok;
}

}  // namespace wtw
