// libFuzzer: 64 bytes of sizes, then a plan; checks it, binds it, runs it and peeks.
//
// Whatever the bytes are, the runtime must answer with a code: no crash, no undefined behaviour.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "api.h"
#include "core/session.h"
#include "fuzz/fences.h"
#include "fuzz/mutate.h"
#include "fuzz/words.h"

namespace {

constexpr size_t kSizes = 64;
constexpr size_t kRounds = 4;  // of all nodes: loops need not end
constexpr size_t kWeightBytes = 1 << 16;
// Runs above this many elements are correct but slow; the fuzzer has better things to do.
constexpr int64_t kMaxWork = 1 << 20;
constexpr int64_t kMaxProduct = int64_t{1} << 28;

alignas(64) std::byte weights[kWeightBytes];

void set_inputs(wtw::Session& session, const uint8_t* sizes) {
  size_t at = 0;
  const wtw::ProgramRecord& program = session.model->plan.programs[0];
  for (uint32_t i = 0; i < program.inputs; ++i) {
    wtw::Io& io = session.io[0][i];
    const wtw::IoRecord& record = session.model->plan.io[program.first_io + i];
    io.integer = sizes[at++ % kSizes];
    io.rank = io.kind == 0 ? session.model->plan.values[record.ref].rank : 0;
    for (uint32_t axis = 0; axis < io.rank; ++axis) io.shape[axis] = sizes[at++ % kSizes];
  }
}

// The elements that the bound nodes name, as a measure of time.
bool is_small(const wtw::Binding& binding) {
  int64_t work = 0;
  for (const wtw::Call& call : binding.calls) {
    int64_t product = 1;
    for (int i = 0; i < call.inputs(); ++i) {
      if (!call.has(i)) continue;
      work += call.in(i).numel;
      if (call.in(i).numel > 0 && __builtin_mul_overflow(product, call.in(i).numel, &product)) {
        return false;
      }
    }
    for (int i = 0; i < call.outputs(); ++i) work += call.out(i).numel;
    if (product > kMaxProduct || work > kMaxWork) return false;
  }
  return true;
}

void fill_inputs(wtw::Session& session, const uint8_t* sizes) {
  const wtw::ProgramRecord& program = session.model->plan.programs[0];
  for (uint32_t i = 0; i < program.inputs; ++i) {
    const wtw::Io& io = session.io[0][i];
    if (io.kind != 0) continue;
    auto* bytes = reinterpret_cast<uint8_t*>(static_cast<uintptr_t>(io.data));
    for (uint64_t at = 0; at < io.bytes; ++at) bytes[at] = sizes[at % kSizes];
  }
}

// Node by node; each sees its own operands only.
void run(wtw::Session& session) {
  wtw::Array<wtw::Call>& calls = session.bound[0]->calls;
  wtw::Io result;
  uint8_t memory[256];
  uint32_t node = 0;
  for (size_t step = 0; node < calls.size() && step < kRounds * calls.size(); ++step) {
    const wtw::fuzz::Fences fences(session, calls[node], {weights, kWeightBytes});
    if (wtw_run(&session, 0, node, 1) != 0) return;
    wtw_peek(&session, 0, node, 0, &result, memory, sizeof(memory));
    node = wtw_next(&session);
  }
}

// Whether a model of the plan runs a small program `prepare` when it is made, or none.
bool prepares_little(const void* plan, size_t plan_bytes) {
  wtw::Model model;
  model.weights = weights;
  wtw::Failure failure;
  if (wtw::parse(plan, plan_bytes, kWeightBytes, &model.plan, &failure) != wtw::Code::ok) {
    return true;
  }
  const uint32_t program = model.plan.prepare;
  if (program == wtw::kAbsent || !model.prepared.reset(model.plan.buffers.count)) return true;
  wtw::Session* session = wtw::new_session(&model, &failure);
  if (session == nullptr) return true;
  const bool bound = wtw::bind(*session, program) == wtw::Code::ok;
  const bool little = !bound || is_small(*session->bound[program]);
  wtw::free_session(session);
  return little;
}

void use(wtw::Session* session, const uint8_t* sizes) {
  if (session->model->plan.programs.count == 0) return;
  set_inputs(*session, sizes);
  if (wtw_bind(session, 0) != 0 || !is_small(*session->bound[0])) return;
  fill_inputs(*session, sizes);
  run(*session);
  wtw_session_reset(session);
}

// Checks the plan, makes a model of it, binds and runs it.
void exercise(const uint8_t* sizes, const uint8_t* given, size_t bytes) {
  void* plan = std::malloc(bytes);  // to the byte, so that ASan sees its end
  if (plan == nullptr) return;
  std::memcpy(plan, given, bytes);
  for (size_t i = 0; i < kWeightBytes; ++i) weights[i] = static_cast<std::byte>(sizes[i % kSizes]);
  wtw::Model* model =
      prepares_little(plan, bytes) ? wtw_model_new(plan, bytes, weights, kWeightBytes) : nullptr;
  if (model != nullptr) {
    wtw::Session* session = wtw_session_new(model);
    if (session != nullptr) {
      use(session, sizes);
      wtw_session_free(session);
    }
    wtw_model_free(model);
  }
  std::free(plan);
}

}  // namespace

// Allocations that a hostile plan asks for fail as they do in a browser.
extern "C" const char* __asan_default_options() {
  return "allocator_may_return_null=1:max_allocation_size_mb=256";
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned int seed) {
  return wtw::fuzz::mutate(data, size, max_size, seed, kSizes);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size >= kSizes) exercise(data, data + kSizes, size - kSizes);
  return 0;
}

// `plan words FILE ...`: each file is such an input; every word of its plan is changed in turn.
extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  if (*argc < 3 || std::strcmp((*argv)[1], "words") != 0) return 0;
  size_t tried = 0;
  for (int i = 2; i < *argc; ++i) {
    std::vector<uint8_t> input = wtw::fuzz::read((*argv)[i]);
    if (input.size() < kSizes) return 1;
    tried += wtw::fuzz::each_word(
        input.data() + kSizes, input.size() - kSizes,
        [&](const uint8_t* plan, size_t bytes) { exercise(input.data(), plan, bytes); });
  }
  std::printf("%zu plans\n", tried);
  std::exit(0);
}
