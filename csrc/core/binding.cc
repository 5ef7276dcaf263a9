// Makes a binding: room for it, then the steps of binder.h.
#include "core/binding.h"

#include "core/binder.h"

namespace wtw {
namespace {

Code allocate(const Binder& binder) {
  const Plan& plan = binder.plan;
  const uint32_t nodes = binder.program.nodes;
  Binding& b = binder.binding;
  size_t operands = 0, attrs = 0, numbers = 0;  // all below kMaxOperands
  for (uint32_t n = 0; n < nodes; ++n) {
    const NodeRecord& node = plan.nodes[binder.program.first_node + n];
    operands += node.inputs + node.outputs;
    attrs += node.attrs;
    for (uint32_t a = 0; a < node.attrs; ++a) numbers += plan.attrs[node.first_attr + a].count;
  }
  // One number more, so that an empty list has an address too.
  const bool ok = b.symbols.reset(plan.symbols.count) && b.known.reset(plan.symbols.count) &&
                  b.exprs.reset(plan.exprs.count) && b.evaluated.reset(plan.exprs.count) &&
                  b.buffer_bytes.reset(plan.buffers.count) &&
                  b.places.reset(plan.buffers.count + nodes) &&
                  b.offsets.reset(plan.values.count) && b.tensors.reset(plan.values.count) &&
                  b.calls.reset(nodes) && b.operands.reset(operands) && b.attrs.reset(attrs) &&
                  b.numbers.reset(numbers + 1);
  return ok ? Code::ok : binder.fail(Code::out_of_memory, __LINE__);
}

}  // namespace

Code Binder::fail(Code code, int line, int64_t given, int64_t allowed, int operand,
                  int node) const {
  session.failure = {code, node, operand, line, given, allowed};
  return code;
}

bool Binder::integer(uint32_t expr, int64_t* value) const {
  *value = binding.exprs[expr].i;
  return binding.evaluated[expr];
}

Code make_binding(Session& session, uint32_t program, Binding* binding) {
  const Plan& plan = session.model->plan;
  const Binder binder{session, plan, program, plan.programs[program], *binding};
  binding->program = program;
  binding->workers = pool::workers();
  WTW_TRY(allocate(binder));
  WTW_TRY(bind_sizes(binder));
  WTW_TRY(bind_buffers(binder));
  WTW_TRY(bind_tensors(binder));
  WTW_TRY(bind_nodes(binder));
  return bind_arena(binder);
}

}  // namespace wtw
