// Sessions: state, cached bindings, the arena, and the run itself.
#include "core/session.h"

#include <cstdlib>
#include <cstring>

namespace wtw {
namespace {

// Rank and size rules that hold before anything is computed from the inputs' sizes.
Code check_inputs(Session& session, uint32_t program) {
  const Plan& plan = session.model->plan;
  const ProgramRecord& record = plan.programs[program];
  for (uint32_t i = 0; i < record.inputs; ++i) {
    const IoRecord& port = plan.io[record.first_io + i];
    if (port.kind != IoKind::tensor) continue;
    const Io& io = session.io[program][i];
    bool fits = io.rank == plan.values[port.ref].rank;
    for (uint32_t axis = 0; fits && axis < io.rank; ++axis) {
      fits = io.shape[axis] >= 0 && io.shape[axis] < kMaxElements;
    }
    if (!fits) {
      session.failure = {Code::input_shape, -1,      static_cast<int32_t>(i),
                         __LINE__,          io.rank, plan.values[port.ref].rank};
      return Code::input_shape;
    }
  }
  return Code::ok;
}

// The sizes and numbers that a binding is for.
bool make_key(const Array<Io>& io, uint32_t inputs, Array<int64_t>* key) {
  size_t count = 0;
  for (uint32_t i = 0; i < inputs; ++i) count += 1 + (io[i].kind == 0 ? io[i].rank : 0);
  if (!key->reset(count)) return false;
  size_t at = 0;
  for (uint32_t i = 0; i < inputs; ++i) {
    (*key)[at++] = io[i].kind == 0 ? io[i].rank : io[i].integer;
    for (uint32_t axis = 0; io[i].kind == 0 && axis < io[i].rank; ++axis) {
      (*key)[at++] = io[i].shape[axis];
    }
  }
  return true;
}

bool same(const Array<int64_t>& a, const Array<int64_t>& b) {
  return a.size() == b.size() &&
         (a.size() == 0 || std::memcmp(a.data(), b.data(), a.size() * sizeof(int64_t)) == 0);
}

int find_binding(const Session& session, uint32_t program, const Array<int64_t>& key) {
  for (int i = 0; i < Session::kBindings; ++i) {
    const Binding& binding = session.bindings[i];
    if (binding.program == program && binding.workers == pool::workers() &&
        same(binding.key, key)) {
      return i;
    }
  }
  return -1;
}

// Replaces the least recently used binding.
int replace_binding(Session& session) {
  int oldest = 0;
  for (int i = 1; i < Session::kBindings; ++i) {
    if (session.bindings[i].used < session.bindings[oldest].used) oldest = i;
  }
  for (int& bound : session.bound) {
    if (bound == oldest) bound = -1;
  }
  session.bindings[oldest] = Binding{};
  return oldest;
}

Code reserve_arena(Session& session, int64_t bytes) {
  if (bytes <= session.arena_bytes) return Code::ok;
  std::free(session.arena);
  session.arena_bytes = 0;
  for (int& bound : session.bound) bound = -1;  // their addresses are gone
  session.arena = bytes <= INT32_MAX ? allocate(static_cast<size_t>(bytes)) : nullptr;
  if (session.arena == nullptr) {
    session.failure = {Code::out_of_memory, -1, -1, __LINE__, bytes, 0};
    return Code::out_of_memory;
  }
  session.arena_bytes = bytes;
  return Code::ok;
}

std::byte* address(const Session& session, const Binding& binding, uint32_t buffer) {
  const BufferRecord& record = session.model->plan.buffers[buffer];
  switch (record.kind) {
    case BufferKind::weight:
      return const_cast<std::byte*>(session.model->weights) + record.offset;
    case BufferKind::state:
      return session.states[buffer];
    default:
      return session.arena + binding.places[buffer].offset;
  }
}

// Computes every address of a binding, anew when the arena has moved.
void rebase(Session& session, Binding& binding) {
  if (binding.base == session.arena && binding.base != nullptr) return;
  const Plan& plan = session.model->plan;
  for (uint32_t v = 0; v < plan.values.count; ++v) {
    Tensor& tensor = binding.tensors[v];
    if (tensor.rank < 0) continue;
    tensor.data = address(session, binding, plan.values[v].buffer) + binding.offsets[v];
  }
  for (size_t n = 0; n < binding.calls.size(); ++n) {
    binding.calls[n].scratch_base = session.arena + binding.places[plan.buffers.count + n].offset;
  }
  binding.base = session.arena;
}

// Tells the host where inputs and outputs lie and what size the outputs have.
void describe(Session& session, uint32_t program, const Binding& binding) {
  const Plan& plan = session.model->plan;
  const ProgramRecord& record = plan.programs[program];
  for (uint32_t i = 0; i < record.inputs + record.outputs; ++i) {
    const IoRecord& port = plan.io[record.first_io + i];
    Io& io = session.io[program][i];
    if (port.kind != IoKind::tensor) {
      if (i < record.inputs) continue;
      if (port.kind == IoKind::real) {
        io.real = binding.exprs[port.ref].f;
      } else {
        io.integer = binding.exprs[port.ref].i;
      }
      continue;
    }
    const Tensor& tensor = binding.tensors[port.ref];
    io.data = reinterpret_cast<uintptr_t>(tensor.data);
    io.bytes = static_cast<uint64_t>(tensor.numel * size_of(tensor.dtype));
    io.dtype = static_cast<uint32_t>(tensor.dtype);
    io.rank = static_cast<uint32_t>(tensor.rank);
    std::memcpy(io.shape, tensor.shape, sizeof(int64_t) * io.rank);
  }
}

bool has_state(const Session& session) {
  for (const std::byte* state : session.states) {
    if (state != nullptr) return true;
  }
  return false;
}

// States have sizes that no input decides.
Code allocate_states(Session& session) {
  const Plan& plan = session.model->plan;
  if (!session.states.reset(plan.buffers.count) || !session.state_bytes.reset(plan.buffers.count)) {
    return Code::out_of_memory;
  }
  Array<int64_t> none;
  Array<bool> unknown;
  if (!none.reset(plan.symbols.count) || !unknown.reset(plan.symbols.count)) {
    return Code::out_of_memory;
  }
  ExprInputs inputs;
  inputs.symbols = none.data();
  inputs.known = unknown.data();
  for (uint32_t i = 0; i < plan.buffers.count; ++i) {
    const BufferRecord& buffer = plan.buffers[i];
    if (buffer.kind != BufferKind::state) continue;
    const ExprRecord& expr = plan.exprs[static_cast<uint32_t>(buffer.bytes)];
    Slot bytes;
    const Eval status = evaluate(plan.code.data + expr.first, expr.count, inputs, &bytes);
    if (status != Eval::ok || bytes.i < 0 || bytes.i > INT32_MAX) return Code::plan_invalid;
    if (buffer.owner != 0 &&
        plan.buffers[buffer.owner - 1].bytes < static_cast<uint64_t>(bytes.i)) {
      return Code::plan_invalid;
    }
    session.state_bytes[i] = bytes.i;
    session.states[i] = allocate(static_cast<size_t>(bytes.i));
    if (session.states[i] == nullptr) return Code::out_of_memory;
  }
  return Code::ok;
}

Code allocate_io(Session& session) {
  const Plan& plan = session.model->plan;
  if (!session.io.reset(plan.programs.count) || !session.bound.reset(plan.programs.count)) {
    return Code::out_of_memory;
  }
  for (uint32_t p = 0; p < plan.programs.count; ++p) {
    const ProgramRecord& program = plan.programs[p];
    session.bound[p] = -1;
    if (!session.io[p].reset(program.inputs + program.outputs)) return Code::out_of_memory;
    for (uint32_t i = 0; i < program.inputs + program.outputs; ++i) {
      session.io[p][i].kind = static_cast<uint32_t>(plan.io[program.first_io + i].kind);
    }
  }
  return Code::ok;
}

}  // namespace

std::byte* allocate(size_t bytes) {
  if (bytes > SIZE_MAX - 128) return nullptr;
  return static_cast<std::byte*>(std::aligned_alloc(64, (bytes + 64) & ~size_t{63}));
}

Session* new_session(Model* model, Failure* failure) {
  void* memory = std::malloc(sizeof(Session));
  Code code = Code::out_of_memory;
  if (memory != nullptr) {
    auto* session = new (memory) Session;
    session->model = model;
    code = allocate_io(*session);
    if (code == Code::ok) code = allocate_states(*session);
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
  session.dirty = false;
}

Code bind(Session& session, uint32_t program) {
  session.failure = Failure{};
  session.bound[program] = -1;
  Code code = check_inputs(session, program);
  if (code != Code::ok) return code;
  Array<int64_t> key;
  if (!make_key(session.io[program], session.model->plan.programs[program].inputs, &key)) {
    session.failure.code = Code::out_of_memory;
    return Code::out_of_memory;
  }
  int found = find_binding(session, program, key);
  if (found < 0) {
    found = replace_binding(session);
    Binding& binding = session.bindings[found];
    code = make_binding(session, program, &binding);
    if (code != Code::ok) {
      binding = Binding{};
      return code;
    }
    binding.key = std::move(key);
  }
  Binding& binding = session.bindings[found];
  code = reserve_arena(session, binding.arena_bytes + 64);
  if (code != Code::ok) return code;
  rebase(session, binding);
  binding.used = ++session.clock;
  session.bound[program] = found;
  describe(session, program, binding);
  return Code::ok;
}

Code run(Session& session, uint32_t program, uint32_t first, uint32_t count) {
  session.failure = Failure{};
  if (session.bound[program] < 0) return session.failure.code = Code::internal;
  if (session.dirty && first == 0) return session.failure.code = Code::state_dirty;
  Binding& binding = session.bindings[session.bound[program]];
  const Plan& plan = session.model->plan;
  const ProgramRecord& record = plan.programs[program];
  const uint32_t end = first > record.nodes           ? first
                       : count > record.nodes - first ? record.nodes
                                                      : first + count;
  const pool::Hot hot;
  for (uint32_t n = first; n < end; ++n) {
    const OpSpec& spec = plan.spec(plan.nodes[record.first_node + n]);
    const Code code = spec.kernel->run(binding.calls[n]);
    if (code != Code::ok) {
      session.dirty = has_state(session);
      return code;
    }
  }
  return Code::ok;
}

}  // namespace wtw
