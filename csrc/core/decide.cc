// A node that has decided sizes in, all that depends on them resolved anew out: expressions,
// guards, tensors, and the checks of later nodes.
#include <cstdlib>
#include <cstring>

#include "core/binder.h"
#include "core/memory.h"

namespace wtw {
namespace {

// Reads a symbol that node i of the program has decided.
Code read_symbol(const Binder& binder, uint32_t i, uint32_t s) {
  const SymbolRecord& symbol = binder.plan.symbols[s];
  Slot value;
  const Tensor& tensor = binder.binding.calls[i].out(static_cast<int>(symbol.output));
  std::memcpy(&value, tensor.data, sizeof(value));
  if (symbol.is_float == 0 && (value.i < symbol.min || value.i > symbol.max)) {
    return binder.fail(Code::size_out_of_range, __LINE__, value.i, 0, static_cast<int>(s));
  }
  binder.binding.symbols[s] = value;
  binder.binding.known[s] = true;
  return Code::ok;
}

// A value whose place is known now.
Code resolve_tensor(const Binder& binder, uint32_t v) {
  Binding& binding = binder.binding;
  WTW_TRY(bind_tensor(binder, v));
  const uint32_t buffer = binder.plan.values[v].buffer;
  binding.tensors[v].data = address(binder.session, binding, buffer) + binding.offsets[v];
  return Code::ok;
}

// Node n of the plan, where it is one of the program: nodes of none may depend on a size, too.
Code resolve_node(const Binder& binder, uint32_t n) {
  const uint32_t i = n - binder.program.first_node;
  return i < binder.program.nodes ? check_call(binder, i) : Code::ok;
}

}  // namespace

Code decide(Session& session, uint32_t program, uint32_t i) {
  const Plan& plan = session.model->plan;
  const Binder binder{session, plan, program, plan.programs[program], *session.bound[program]};
  const uint32_t node = binder.program.first_node + i;
  const auto after = static_cast<int32_t>(node);
  const Plan::Known* const known = plan.known.data();
  const uint32_t exprs = plan.exprs_at(), values = plan.values_at(), nodes = plan.nodes_at();
  uint32_t at = known[nodes + node].first;
  for (; at < exprs; at = known[at].next) WTW_TRY(read_symbol(binder, i, at));
  for (; at < values; at = known[at].next) binder.evaluate(at - exprs);
  WTW_TRY(check_guards(binder, after));
  for (; at < nodes; at = known[at].next) WTW_TRY(resolve_tensor(binder, at - values));
  WTW_TRY(check_ports(binder, after));
  for (; at != kAbsent; at = known[at].next) WTW_TRY(resolve_node(binder, at - nodes));
  return Code::ok;
}

Code give_scratch(Session& session, Call& call) {
  const int64_t bytes = call.scratch_room(pool::workers());
  if (bytes > session.spare_bytes) {
    std::free(session.spare);
    session.spare_bytes = 0;
    session.spare = bytes <= INT32_MAX ? allocate(static_cast<size_t>(bytes)) : nullptr;
    if (session.spare == nullptr) {
      session.failure = {Code::out_of_memory, call.node, -1, __LINE__, bytes, 0};
      return Code::out_of_memory;
    }
    session.spare_bytes = bytes;
  }
  call.scratch_base = session.spare;
  return Code::ok;
}

}  // namespace wtw
