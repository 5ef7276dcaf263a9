// A model's runs and their memory: state, cached bindings, the arena.
#pragma once

#include <cstddef>
#include <cstdint>

#include "api.h"
#include "core/array.h"
#include "core/binding.h"
#include "core/model.h"

namespace wtw {

// How far the last run came: `next` is its next node, and the arena holds what those before left.
struct Run {
  uint32_t program = kAbsent;  // kAbsent: it failed, or a binding has changed the arena since
  uint32_t next = 0;
};

struct Session {
  static constexpr int kBindings = 4;

  Model* model = nullptr;
  Array<Array<Io>> io;       // by program
  Array<std::byte*> states;  // by buffer; null where the buffer is no state
  Array<int64_t> state_bytes;
  bool has_state = false;
  bool dirty = false;  // a run that may have written state did not reach its end
  Binding bindings[kBindings];
  Array<Binding*> bound;  // by program: one of `bindings`, or null
  Run run;
  std::byte* arena = nullptr;
  int64_t arena_bytes = 0;
  int64_t live_bytes = 0;      // the most at one node, at the last binding
  std::byte* spare = nullptr;  // scratch of nodes whose sizes the data decides
  int64_t spare_bytes = 0;
  uint64_t clock = 0;
  Failure failure;
};

// A session with its states allocated and reset; null with `failure` filled in. The program
// `prepare` touches none of them.
Session* new_session(Model* model, Failure* failure, bool with_states = true);
void free_session(Session* session);
void reset_states(Session& session);
// See wtw_session_seed.
Code seed_state(Session& session, uint32_t buffer, int64_t seed);

// See wtw_described: so many words, and so many more for each input and output.
inline constexpr uint32_t kDescribed = 5;
inline constexpr uint32_t kDescribedPort = 3;
Code described(Session& session, uint32_t program, const uint32_t* words, size_t count);

// See wtw_bind, wtw_run and wtw_peek.
Code bind(Session& session, uint32_t program);
Code run(Session& session, uint32_t program, uint32_t first, uint32_t count);
Code peek(Session& session, uint32_t program, uint32_t node, uint32_t output, Io* result,
          void* memory, size_t bytes);

// Fills in all of an Io record but the address.
void describe(const Tensor& tensor, Io* io);
// Tells the host where inputs and outputs lie and what size the outputs have, as far as known.
void describe(Session& session, uint32_t program, const Binding& binding);
// Where a buffer lies.
std::byte* address(const Session& session, const Binding& binding, uint32_t buffer);

// After node i of the bound program: what depends on the sizes that it has decided.
Code decide(Session& session, uint32_t program, uint32_t i);
// Scratch for a node whose sizes were decided in the run, so that the arena has none for it.
Code give_scratch(Session& session, Call& call);

}  // namespace wtw
