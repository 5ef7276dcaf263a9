// A node that has decided sizes in, all that depends on them resolved anew out: expressions,
// guards, tensors, and the checks of later nodes.
#include <cstdlib>
#include <cstring>

#include "core/binder.h"
#include "core/memory.h"

namespace wtw {
namespace {

// Reads the symbols that node i of the program has decided.
Code read_symbols(const Binder& binder, uint32_t i) {
  const Plan& plan = binder.plan;
  for (uint32_t s = 0; s < plan.symbols.count; ++s) {
    const SymbolRecord& symbol = plan.symbols[s];
    if (!symbol.is_decided() || symbol.node != binder.program.first_node + i) continue;
    if (symbol.program != binder.index) continue;
    Slot value;
    const Tensor& tensor = binder.binding.calls[i].out(static_cast<int>(symbol.output));
    std::memcpy(&value, tensor.data, sizeof(value));
    if (symbol.is_float == 0 && (value.i < symbol.min || value.i > symbol.max)) {
      return binder.fail(Code::size_out_of_range, __LINE__, value.i, 0, static_cast<int>(s));
    }
    binder.binding.symbols[s] = value;
    binder.binding.known[s] = true;
  }
  return Code::ok;
}

// Values of the program whose place is known now.
Code resolve_tensors(const Binder& binder, int32_t after) {
  const Plan& plan = binder.plan;
  Binding& binding = binder.binding;
  for (uint32_t v = 0; v < plan.values.count; ++v) {
    if (plan.after_value(v) != after) continue;
    WTW_TRY(bind_tensor(binder, v));
    const uint32_t buffer = plan.values[v].buffer;
    binding.tensors[v].data = address(binder.session, binding, buffer) + binding.offsets[v];
  }
  return check_ports(binder, after);
}

}  // namespace

Code decide(Session& session, uint32_t program, uint32_t i) {
  const Plan& plan = session.model->plan;
  const Binder binder{session, plan, program, plan.programs[program], *session.bound[program]};
  WTW_TRY(read_symbols(binder, i));
  const auto after = static_cast<int32_t>(binder.program.first_node + i);
  for (uint32_t e = 0; e < plan.exprs.count; ++e) {
    if (plan.after_expr(e) == after) binder.evaluate(e);
  }
  WTW_TRY(check_guards(binder, after));
  WTW_TRY(resolve_tensors(binder, after));
  for (uint32_t n = i + 1; n < binder.program.nodes; ++n) {
    if (plan.after_node(binder.program.first_node + n) == after) WTW_TRY(check_call(binder, n));
  }
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
