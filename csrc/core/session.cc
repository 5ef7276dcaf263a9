// Sessions: made, reset, run and freed. How a program is bound to sizes is in bind.cc.
#include "core/session.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "core/memory.h"
#include "core/require.h"

namespace wtw {
namespace {

// The size of a state, which no input decides; -1 where it is no proper one.
int64_t state_bytes(const Plan& plan, const BufferRecord& buffer) {
  const ExprRecord& expr = plan.exprs[static_cast<uint32_t>(buffer.bytes)];
  Slot bytes;
  if (!evaluate(plan.code.data + expr.first, expr.count, ExprInputs{}, &bytes)) return -1;
  if (bytes.i > INT32_MAX) return -1;
  if (buffer.owner == 0) return bytes.i;
  const uint64_t initial = plan.buffers[buffer.owner - 1].bytes;
  return static_cast<uint64_t>(bytes.i) <= initial ? bytes.i : -1;
}

Code allocate_states(Session& session) {
  const Plan& plan = session.model->plan;
  for (uint32_t i = 0; i < plan.buffers.count; ++i) {
    if (plan.buffers[i].kind != BufferKind::state) continue;
    const int64_t bytes = state_bytes(plan, plan.buffers[i]);
    if (bytes < 0) return Code::plan_invalid;
    session.state_bytes[i] = bytes;
    session.states[i] = allocate(static_cast<size_t>(bytes));
    if (session.states[i] == nullptr) return Code::out_of_memory;
    session.has_state = true;
  }
  return Code::ok;
}

Code allocate_tables(Session& session) {
  const Plan& plan = session.model->plan;
  if (!session.states.reset(plan.buffers.count) || !session.state_bytes.reset(plan.buffers.count)) {
    return Code::out_of_memory;
  }
  if (!session.io.reset(plan.programs.count) || !session.bound.reset(plan.programs.count)) {
    return Code::out_of_memory;
  }
  for (uint32_t p = 0; p < plan.programs.count; ++p) {
    const ProgramRecord& program = plan.programs[p];
    Array<Io>& io = session.io[p];
    if (!io.reset(program.inputs + program.outputs)) return Code::out_of_memory;
    for (uint32_t i = 0; i < io.size(); ++i) {
      io[i].kind = static_cast<uint32_t>(plan.io[program.first_io + i].kind);
    }
  }
  return Code::ok;
}

Code allocate_all(Session& session, bool with_states) {
  WTW_TRY(allocate_tables(session));
  return with_states ? allocate_states(session) : Code::ok;
}

// Whether the nodes from `first` on may run: bound, for the helpers that there are, and after those
// before them.
Code may_run(const Session& session, uint32_t program, uint32_t first) {
  const Binding* const binding = session.bound[program];
  if (binding == nullptr || binding->workers != pool::workers()) return Code::internal;
  if (first == 0) return session.dirty ? Code::state_dirty : Code::ok;
  const bool follows = session.run.program == program && session.run.next == first;
  return follows ? Code::ok : Code::internal;
}

// The node after node n, which has run.
uint32_t next_node(const Plan& plan, const ProgramRecord& program, const Call& call, uint32_t n) {
  const uint32_t index = program.first_node + n;
  const auto jump = [&] { return plan.flow[index].jump - program.first_node; };
  switch (plan.nodes[index].control) {
    case Control::choose:
    case Control::test:
      return *call.in(0).data != std::byte{} ? n + 1 : jump();
    case Control::otherwise:
    case Control::end:
      return jump();
    default:
      return n + 1;
  }
}

Code run_node(Session& session, uint32_t program, uint32_t n) {
  const Plan& plan = session.model->plan;
  const uint32_t index = plan.programs[program].first_node + n;
  const NodeRecord& node = plan.nodes[index];
  if (node.control != Control::none) return Code::ok;
  Call& call = session.bound[program]->calls[n];
  if (plan.after_node(index) >= 0) WTW_TRY(give_scratch(session, call));
  WTW_TRY(plan.spec(node).kernel->run(call));
  return plan.decides(index) ? decide(session, program, n) : Code::ok;
}

}  // namespace

Session* new_session(Model* model, Failure* failure, bool with_states) {
  void* memory = std::malloc(sizeof(Session));
  Code code = Code::out_of_memory;
  if (memory != nullptr) {
    auto* session = new (memory) Session;
    session->model = model;
    code = allocate_all(*session, with_states);
    if (code == Code::ok) {
      reset_states(*session);
      return session;
    }
    free_session(session);
  }
  *failure = Failure{};
  failure->code = code;
  failure->line = __LINE__;
  return nullptr;
}

void free_session(Session* session) {
  for (std::byte* state : session->states) std::free(state);
  std::free(session->arena);
  std::free(session->spare);
  session->~Session();
  std::free(session);
}

void reset_states(Session& session) {
  const Plan& plan = session.model->plan;
  for (uint32_t i = 0; i < plan.buffers.count; ++i) {
    if (session.states[i] == nullptr) continue;
    const uint32_t initial = plan.buffers[i].owner;
    const auto bytes = static_cast<size_t>(session.state_bytes[i]);
    if (initial == 0) {
      std::memset(session.states[i], 0, bytes);
    } else {
      std::memcpy(session.states[i], session.model->weights + plan.buffers[initial - 1].offset,
                  bytes);
    }
  }
  session.run = Run{};
  session.dirty = false;
}

Code seed_state(Session& session, uint32_t buffer, int64_t seed) {
  session.failure = Failure{};
  const bool known = buffer < session.states.size() && session.states[buffer] != nullptr;
  if (!known || session.state_bytes[buffer] != sizeof(seed)) {
    session.failure.line = __LINE__;
    return Code::manifest_invalid;  // which says where they are kept
  }
  std::memcpy(session.states[buffer], &seed, sizeof(seed));
  return Code::ok;
}

Code run(Session& session, uint32_t program, uint32_t first, uint32_t count) {
  session.failure = Failure{};
  const Code refused = may_run(session, program, first);
  if (refused != Code::ok) {
    session.failure.line = __LINE__;
    return session.failure.code = refused;
  }
  const Plan& plan = session.model->plan;
  const ProgramRecord& record = plan.programs[program];
  session.run = Run{};
  session.dirty = session.has_state && (count > 0 || first > 0);
  const Binding& binding = *session.bound[program];
  uint32_t n = first;
  for (uint32_t step = 0; step < count && n < record.nodes; ++step) {
    WTW_TRY(run_node(session, program, n));
    n = next_node(plan, record, binding.calls[n], n);
  }
  if (plan.is_decided() && n == record.nodes) describe(session, program, binding);
  session.run = {program, n};
  if (n == record.nodes) session.dirty = false;
  return Code::ok;
}

}  // namespace wtw
