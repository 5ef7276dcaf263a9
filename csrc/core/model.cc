// plan.bin and weights in, a model that sessions can run out.
#include "core/model.h"

#include <cstdlib>
#include <new>

#include "core/memory.h"
#include "core/require.h"
#include "core/session.h"

namespace wtw {
namespace {

Code allocate_prepared(Model& model, Failure* failure) {
  const Plan& plan = model.plan;
  *failure = {Code::out_of_memory, -1, -1, __LINE__, 0, 0};
  if (!model.prepared.reset(plan.buffers.count)) return failure->code;
  for (uint32_t i = 0; i < plan.buffers.count; ++i) {
    if (plan.buffers[i].kind != BufferKind::prepared) continue;
    failure->given = static_cast<int64_t>(plan.buffers[i].bytes);
    model.prepared[i] = allocate(static_cast<size_t>(plan.buffers[i].bytes));
    if (model.prepared[i] == nullptr) return failure->code;
  }
  return failure->code = Code::ok;
}

Code bind_and_run(Session& session, uint32_t program) {
  WTW_TRY(bind(session, program));
  return run(session, program, 0, UINT32_MAX);
}

// Runs `prepare` in a session of its own, whose scratch memory goes with it.
Code prepare(Model& model, Failure* failure) {
  if (model.plan.prepare == kAbsent) return Code::ok;
  WTW_TRY(allocate_prepared(model, failure));
  Session* session = new_session(&model, failure, /*with_states=*/false);
  if (session == nullptr) return failure->code;
  const Code code = bind_and_run(*session, model.plan.prepare);
  *failure = session->failure;
  failure->code = code;
  free_session(session);
  return code;
}

Code fill(Model& model, const void* plan, size_t plan_bytes, size_t weights_bytes,
          Failure* failure) {
  WTW_TRY(parse(plan, plan_bytes, weights_bytes, &model.plan, failure));
  return prepare(model, failure);
}

}  // namespace

Model* new_model(const void* plan, size_t plan_bytes, const std::byte* weights,
                 size_t weights_bytes, Failure* failure) {
  *failure = {Code::out_of_memory, -1, -1, __LINE__, sizeof(Model), 0};
  void* memory = std::malloc(sizeof(Model));
  if (memory == nullptr) return nullptr;
  auto* model = new (memory) Model;
  model->weights = weights;
  if (fill(*model, plan, plan_bytes, weights_bytes, failure) == Code::ok) return model;
  free_model(model);
  return nullptr;
}

void free_model(Model* model) {
  for (std::byte* buffer : model->prepared) std::free(buffer);
  model->~Model();
  std::free(model);
}

}  // namespace wtw
