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

// The layouts of the operands must be ones that the kernel takes.
Code layouts(const Binder& binder, uint32_t index, const Tensor* const* operands) {
  const NodeRecord& node = binder.plan.nodes[index];
  const OpSpec& spec = binder.plan.spec(node);
  for (uint32_t i = 0; i < node.inputs + node.outputs; ++i) {
    if (operands[i] == nullptr) continue;
    const OperandSpec& wanted = i < node.inputs ? spec.input(i) : spec.outputs[i - node.inputs];
    if ((layout_bits(*operands[i]) & wanted.layouts) == 0) {
      const uint32_t value = binder.plan.refs[node.refs + i];
      return binder.fail(Code::plan_invalid, __LINE__, value, 0, static_cast<int>(i),
                         static_cast<int>(index));
    }
  }
  return Code::ok;
}

// Room for what the kernel's check asked for, while the node runs.
void place_scratch(const Binder& binder, uint32_t i) {
  const auto node = static_cast<int32_t>(i);
  const int64_t bytes = binder.binding.calls[i].scratch_room(binder.binding.workers);
  binder.binding.places[binder.plan.buffers.count + i] = {bytes, node, node, 0};
}

// What does not depend on sizes: where the call finds operands and attributes.
void set_up(const Binder& binder, uint32_t i, const Tensor** operand, Attr* attr, Slot* number) {
  const uint32_t index = binder.program.first_node + i;
  const NodeRecord& node = binder.plan.nodes[index];
  Call& call = binder.binding.calls[i];
  call.in_ = operand;
  call.out_ = operand + node.inputs;
  call.attrs_ = attr;
  call.n_in = node.inputs;
  call.n_out = node.outputs;
  call.n_attr = node.attrs;
  call.node = static_cast<int32_t>(index);
  call.failure = &binder.session.failure;
  for (uint32_t o = 0; o < node.inputs + node.outputs; ++o) {
    const uint32_t value = binder.plan.refs[node.refs + o];
    operand[o] = value == kAbsent ? nullptr : &binder.binding.tensors[value];
  }
  for (uint32_t a = 0; a < node.attrs; ++a) {
    const uint32_t count = binder.plan.attrs[node.first_attr + a].count;
    attr[a] = {&number->i, &number->f, count};
    number += count;
  }
}

}  // namespace

Code check_call(const Binder& binder, uint32_t i) {
  const Plan& plan = binder.plan;
  const uint32_t index = binder.program.first_node + i;
  const NodeRecord& node = plan.nodes[index];
  if (node.control != Control::none) return Code::ok;
  const OpSpec& spec = plan.spec(node);
  Call& call = binder.binding.calls[i];
  call.forget();
  Slot* const numbers = binder.binding.numbers.data();
  for (uint32_t a = 0; a < node.attrs; ++a) {
    Slot* const number = numbers + (reinterpret_cast<const Slot*>(call.attrs_[a].ints) - numbers);
    WTW_TRY(attribute(binder, plan.attrs[node.first_attr + a], spec.attrs[a], number));
  }
  WTW_TRY(layouts(binder, index, call.in_));
  WTW_TRY(spec.kernel->check(call));
  WTW_REQUIRE(binder, call.scratch_bytes >= 0 && call.scratch_bytes <= kMaxBytes, i);
  WTW_REQUIRE(binder, call.worker_bytes >= 0 && call.worker_bytes <= kMaxBytes, i);
  return Code::ok;
}

Code bind_nodes(const Binder& binder) {
  const Plan& plan = binder.plan;
  const Tensor** operand = binder.binding.operands.data();
  Attr* attr = binder.binding.attrs.data();
  Slot* number = binder.binding.numbers.data();
  for (uint32_t i = 0; i < binder.program.nodes; ++i) {
    const uint32_t index = binder.program.first_node + i;
    const NodeRecord& node = plan.nodes[index];
    set_up(binder, i, operand, attr, number);
    operand += node.inputs + node.outputs;
    for (uint32_t a = 0; a < node.attrs; ++a) number += (attr++)->count;
    if (plan.after_node(index) >= 0) continue;
    WTW_TRY(check_call(binder, i));
    place_scratch(binder, i);
  }
  return Code::ok;
}

}  // namespace wtw
