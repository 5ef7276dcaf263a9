// The exported functions: checks handles' indices and keeps the last failure.
#include "api.h"

#include <cstdlib>

#include "core/convert.h"
#include "core/memory.h"
#include "core/session.h"

using wtw::Code;
using wtw::DType;

namespace {

int64_t last_failure[6];

void keep(const wtw::Failure& failure) {
  last_failure[0] = static_cast<int64_t>(failure.code);
  last_failure[1] = failure.node;
  last_failure[2] = failure.operand;
  last_failure[3] = failure.line;
  last_failure[4] = failure.given;
  last_failure[5] = failure.allowed;
}

// Whether the host may name it: `prepare` ran when the model was made.
bool known(const wtw::Session* session, uint32_t program) {
  const wtw::Plan& plan = session->model->plan;
  return program < plan.programs.count && program != plan.prepare;
}

uint32_t done(wtw::Session* session, Code code) {
  if (code != Code::ok) {
    session->failure.code = code;
    keep(session->failure);
  }
  return static_cast<uint32_t>(code);
}

uint32_t unknown_program(Code code = Code::internal) {
  wtw::Failure failure;
  failure.code = code;
  failure.line = __LINE__;
  keep(failure);
  return static_cast<uint32_t>(code);
}

}  // namespace

uint32_t wtw_abi() { return wtw::kAbi; }

void* wtw_alloc(size_t bytes) { return wtw::allocate(bytes); }
void wtw_free(void* memory) { std::free(memory); }

void wtw_widen(void* floats, const void* halves, size_t count) {
  wtw::load_as(DType::float32, floats, DType::float16, halves, static_cast<int64_t>(count));
}

void wtw_narrow(void* halves, const void* floats, size_t count) {
  wtw::store_as(DType::float16, halves, DType::float32, floats, static_cast<int64_t>(count));
}

wtw::Model* wtw_model_new(const void* plan, size_t plan_bytes, const void* weights,
                          size_t weights_bytes) {
  wtw::Failure failure;
  wtw::Model* model = wtw::new_model(plan, plan_bytes, static_cast<const std::byte*>(weights),
                                     weights_bytes, &failure);
  if (model == nullptr) keep(failure);
  return model;
}

void wtw_model_free(wtw::Model* model) { wtw::free_model(model); }

wtw::Session* wtw_session_new(wtw::Model* model) {
  wtw::Failure failure;
  wtw::Session* session = wtw::new_session(model, &failure);
  if (session == nullptr) keep(failure);
  return session;
}

void wtw_session_free(wtw::Session* session) { wtw::free_session(session); }
void wtw_session_reset(wtw::Session* session) { wtw::reset_states(*session); }

uint32_t wtw_session_seed(wtw::Session* session, uint32_t buffer, int64_t seed) {
  return done(session, wtw::seed_state(*session, buffer, seed));
}

uint32_t wtw_described(wtw::Session* session, uint32_t program, const uint32_t* words,
                       size_t count) {
  if (!known(session, program)) return unknown_program(Code::manifest_invalid);
  return done(session, wtw::described(*session, program, words, count));
}

wtw::Io* wtw_io(wtw::Session* session, uint32_t program) {
  return known(session, program) ? session->io[program].data() : nullptr;
}

uint32_t wtw_bind(wtw::Session* session, uint32_t program) {
  return known(session, program) ? done(session, wtw::bind(*session, program)) : unknown_program();
}

uint32_t wtw_run(wtw::Session* session, uint32_t program, uint32_t first, uint32_t count) {
  if (!known(session, program)) return unknown_program();
  return done(session, wtw::run(*session, program, first, count));
}

uint32_t wtw_next(wtw::Session* session) {
  return session->run.program == wtw::kAbsent ? wtw::kAbsent : session->run.next;
}

uint32_t wtw_peek(wtw::Session* session, uint32_t program, uint32_t node, uint32_t output,
                  wtw::Io* result, void* memory, size_t bytes) {
  if (!known(session, program)) return unknown_program();
  return done(session, wtw::peek(*session, program, node, output, result, memory, bytes));
}

uint64_t wtw_arena_bytes(wtw::Session* session) {
  return static_cast<uint64_t>(session->arena_bytes);
}

uint64_t wtw_live_bytes(wtw::Session* session) {
  return static_cast<uint64_t>(session->live_bytes);
}

uint64_t wtw_state_bytes(wtw::Session* session) {
  int64_t total = 0;
  for (const int64_t bytes : session->state_bytes) total += bytes;
  return static_cast<uint64_t>(total);
}

const int64_t* wtw_failure() { return last_failure; }
