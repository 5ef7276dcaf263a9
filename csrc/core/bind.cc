// The inputs' sizes in, a bound program out: the binding from the cache or a new one, the arena
// large enough, every address known.
#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <utility>

#include "core/memory.h"
#include "core/require.h"
#include "core/session.h"

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
    const uint32_t rank = plan.values[port.ref].rank;
    bool fits = io.rank == rank;
    for (uint32_t axis = 0; fits && axis < rank; ++axis) {
      fits = io.shape[axis] >= 0 && io.shape[axis] < kMaxElements;
    }
    if (!fits) {
      const auto input = static_cast<int32_t>(i);
      session.failure = {Code::input_shape, -1, input, __LINE__, io.rank, rank};
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
  int64_t* next = key->data();
  for (uint32_t i = 0; i < inputs; ++i) {
    if (io[i].kind == 0) {
      *next++ = io[i].rank;
      next = std::copy_n(io[i].shape, io[i].rank, next);
    } else {
      *next++ = io[i].integer;
    }
  }
  return true;
}

Binding* find_binding(Session& session, uint32_t program, const Array<int64_t>& key) {
  for (Binding& binding : session.bindings) {
    if (binding.program == program && binding.workers == pool::workers() &&
        std::equal(binding.key.begin(), binding.key.end(), key.begin(), key.end())) {
      return &binding;
    }
  }
  return nullptr;
}

// Clears the least recently used binding.
Binding* replace_binding(Session& session) {
  Binding* const oldest =
      std::min_element(std::begin(session.bindings), std::end(session.bindings),
                       [](const Binding& a, const Binding& b) { return a.used < b.used; });
  for (Binding*& bound : session.bound) {
    if (bound == oldest) bound = nullptr;
  }
  *oldest = Binding{};
  return oldest;
}

Code new_binding(Session& session, uint32_t program, Array<int64_t>&& key, Binding** result) {
  Binding* const binding = replace_binding(session);
  const Code code = make_binding(session, program, binding);
  if (code != Code::ok) {
    *binding = Binding{};
    return code;
  }
  binding->key = std::move(key);
  *result = binding;
  return Code::ok;
}

Code reserve_arena(Session& session, int64_t bytes) {
  if (session.arena != nullptr && bytes <= session.arena_bytes) return Code::ok;
  std::free(session.arena);
  session.arena_bytes = 0;
  for (Binding*& bound : session.bound) bound = nullptr;  // their addresses are gone
  session.arena = bytes <= INT32_MAX ? allocate(static_cast<size_t>(bytes)) : nullptr;
  if (session.arena == nullptr) {
    session.failure = {Code::out_of_memory, -1, -1, __LINE__, bytes, 0};
    return Code::out_of_memory;
  }
  session.arena_bytes = bytes;
  return Code::ok;
}

}  // namespace

std::byte* address(const Session& session, const Binding& binding, uint32_t buffer) {
  const BufferRecord& record = session.model->plan.buffers[buffer];
  switch (record.kind) {
    case BufferKind::weight:
      return const_cast<std::byte*>(session.model->weights) + record.offset;
    case BufferKind::state:
      return session.states[buffer];
    case BufferKind::prepared:
      return session.model->prepared[buffer];
    default:
      return session.arena + binding.places[buffer].offset;
  }
}

namespace {

// Computes every address of a binding, anew when the arena has moved.
void rebase(const Session& session, Binding& binding) {
  if (binding.base == session.arena) return;
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

}  // namespace

void describe(Session& session, uint32_t program, const Binding& binding) {
  const Plan& plan = session.model->plan;
  const ProgramRecord& record = plan.programs[program];
  for (uint32_t i = 0; i < record.inputs + record.outputs; ++i) {
    const IoRecord& port = plan.io[record.first_io + i];
    Io& io = session.io[program][i];
    if (port.kind == IoKind::tensor) {
      const Tensor& tensor = binding.tensors[port.ref];
      if (tensor.rank < 0) continue;  // the run decides
      io.data = reinterpret_cast<uintptr_t>(tensor.data);
      describe(tensor, &io);
    } else if (i >= record.inputs && port.kind == IoKind::real) {
      io.real = binding.exprs[port.ref].f;
    } else if (i >= record.inputs) {
      io.integer = binding.exprs[port.ref].i;
    }
  }
}

void describe(const Tensor& tensor, Io* io) {
  io->kind = static_cast<uint32_t>(IoKind::tensor);
  io->bytes = static_cast<uint64_t>(tensor.numel * size_of(tensor.dtype));
  io->dtype = static_cast<uint32_t>(tensor.dtype);
  io->rank = static_cast<uint32_t>(tensor.rank);
  std::copy_n(tensor.shape, tensor.rank, io->shape);
}

Code bind(Session& session, uint32_t program) {
  session.failure = Failure{};
  session.bound[program] = nullptr;
  session.run = Run{};
  WTW_TRY(check_inputs(session, program));
  Array<int64_t> key;
  if (!make_key(session.io[program], session.model->plan.programs[program].inputs, &key)) {
    session.failure.line = __LINE__;
    return session.failure.code = Code::out_of_memory;
  }
  Binding* binding = find_binding(session, program, key);
  if (binding == nullptr) {
    WTW_TRY(new_binding(session, program, std::move(key), &binding));
  }
  WTW_TRY(reserve_arena(session, binding->arena.bytes));
  rebase(session, *binding);
  binding->used = ++session.clock;
  session.bound[program] = binding;
  session.live_bytes = binding->arena.bound;
  describe(session, program, *binding);
  return Code::ok;
}

}  // namespace wtw
