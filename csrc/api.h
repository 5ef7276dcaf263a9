// What the host (our TypeScript loader, or Python through WASI or ctypes) calls.
//
// Every function that can fail returns a Code (0 is ok) and leaves details in wtw_failure().
// Handles are addresses. Nothing here prints, aborts or throws.
#pragma once

#include <cstddef>
#include <cstdint>

#ifdef WTW_NATIVE
#define WTW_EXPORT(name) extern "C" __attribute__((visibility("default")))
#else
#define WTW_EXPORT(name) extern "C" __attribute__((export_name(#name)))
#endif

namespace wtw {

struct Model;
struct Session;

// One input or output of a program, shared with the host: 128 bytes. The host writes rank, shape
// and number of inputs, then binds; bind fills data, bytes and dtype of inputs and outputs.
struct Io {
  uint64_t data;   // address of the dense elements, 64-byte aligned; 0 for numbers
  uint64_t bytes;  // of the whole tensor
  uint32_t kind;   // 0 tensor, 1 int, 2 float, 3 bool
  uint32_t dtype;  // see core/dtype.h
  uint32_t rank;
  uint32_t zero;
  int64_t integer;  // value of an int or bool
  double real;      // value of a float
  int64_t shape[8];
  uint64_t zeros[2];
};
static_assert(sizeof(Io) == 128);

}  // namespace wtw

// The number that plan.bin's header must carry.
WTW_EXPORT(wtw_abi) uint32_t wtw_abi();

// 64-byte aligned memory, or 0.
WTW_EXPORT(wtw_alloc) void* wtw_alloc(size_t bytes);
WTW_EXPORT(wtw_free) void wtw_free(void* memory);

// Validates the whole plan and runs its program `prepare`, if there is one: the prepared buffers
// are the model's, shared by its sessions. Plan and weights stay the caller's and must outlive the
// model (the plan is 8-byte aligned, the weights 64-byte aligned). Null on failure.
WTW_EXPORT(wtw_model_new)
wtw::Model* wtw_model_new(const void* plan, size_t plan_bytes, const void* weights,
                          size_t weights_bytes);
WTW_EXPORT(wtw_model_free) void wtw_model_free(wtw::Model* model);

// A session owns the state and the arena. Null on failure.
WTW_EXPORT(wtw_session_new) wtw::Session* wtw_session_new(wtw::Model* model);
WTW_EXPORT(wtw_session_free) void wtw_session_free(wtw::Session* session);
// Restores the initial state.
WTW_EXPORT(wtw_session_reset) void wtw_session_reset(wtw::Session* session);
// Gives a state of 8 bytes (a buffer of the plan) other contents: what random numbers follow from.
WTW_EXPORT(wtw_session_seed)
uint32_t wtw_session_seed(wtw::Session* session, uint32_t buffer, int64_t seed);

// Whether the plan's program is the one that a manifest describes, before anything is read or
// written by what the manifest says: `words` are its numbers of nodes, symbols, guards, inputs and
// outputs, then kind, dtype and rank of each of those (the last two 0 of a number).
WTW_EXPORT(wtw_described)
uint32_t wtw_described(wtw::Session* session, uint32_t program, const uint32_t* words,
                       size_t count);

// The program's Io records: inputs, then outputs. Null for an unknown program.
WTW_EXPORT(wtw_io) wtw::Io* wtw_io(wtw::Session* session, uint32_t program);
// Takes the inputs' shapes and numbers from the Io records, plans the memory (cached for recent
// sizes) and fills in the addresses. Memory may have grown: make views anew.
WTW_EXPORT(wtw_bind) uint32_t wtw_bind(wtw::Session* session, uint32_t program);
// Runs `count` nodes of the bound program from `first` on, cut at its last: all of them with first
// 0 and count UINT32_MAX. A host that bisects or profiles goes node by node, from 0 and on to what
// wtw_next says (else Code::internal); outputs are there after the last node. A binding or a
// failure between ends the run. Where there is state, a run that did not reach its last node leaves
// it dirty: the next one is refused until wtw_session_reset.
WTW_EXPORT(wtw_run)
uint32_t wtw_run(wtw::Session* session, uint32_t program, uint32_t first, uint32_t count);
// The node with which the run goes on: after a control node not the one behind it. The number of
// nodes once it is complete, UINT32_MAX where there is no run to go on with.
WTW_EXPORT(wtw_next) uint32_t wtw_next(wtw::Session* session);
// Copies the output of a node that has run as dense elements into memory and describes it in
// result. Valid right after that node (later ones may reuse its memory): a host that bisects runs
// and peeks node by node. result->bytes tells the size needed when memory is too small.
WTW_EXPORT(wtw_peek)
uint32_t wtw_peek(wtw::Session* session, uint32_t program, uint32_t node, uint32_t output,
                  wtw::Io* result, void* memory, size_t bytes);
// Bytes of the arena, which grows to what the largest binding takes; the most bytes that live at
// one node of the last binding, below which no placement gets; bytes of the state.
WTW_EXPORT(wtw_arena_bytes) uint64_t wtw_arena_bytes(wtw::Session* session);
WTW_EXPORT(wtw_live_bytes) uint64_t wtw_live_bytes(wtw::Session* session);
WTW_EXPORT(wtw_state_bytes) uint64_t wtw_state_bytes(wtw::Session* session);

// The last failure of this instance: six i64: code, node, operand, line, given, allowed. For
// size_out_of_range `operand` is the symbol, for size_mismatch and input_shape the input (and
// `node` the axis), for guard_failed the guard.
WTW_EXPORT(wtw_failure) const int64_t* wtw_failure();

// SHA-256 where the platform's own is absent or refuses shared memory; out receives 32 bytes.
WTW_EXPORT(wtw_sha256) void wtw_sha256(const void* data, size_t bytes, uint8_t* out);

// Weights that are stored as float16: `count` of them as float32, and back (exact for what came
// from float16, NaN aside). The two arrays do not overlap.
WTW_EXPORT(wtw_widen) void wtw_widen(void* floats, const void* halves, size_t count);
WTW_EXPORT(wtw_narrow) void wtw_narrow(void* halves, const void* floats, size_t count);

// Threads (variants with shared memory). The host calls wtw_helper_new in the main instance for
// each helper, then in the helper's own instance wtw_helper_run(handle), which returns after
// wtw_helpers_quit. A helper takes part in runs from the moment it has arrived; none is waited for.
WTW_EXPORT(wtw_helper_new) void* wtw_helper_new();
WTW_EXPORT(wtw_helper_run) void wtw_helper_run(void* helper);
// To be called when wtw_helper_run trapped (a bug): a run that waits for its work traps as well
// instead of waiting for ever.
WTW_EXPORT(wtw_helper_lost) void wtw_helper_lost();
WTW_EXPORT(wtw_helpers_quit) void wtw_helpers_quit();
WTW_EXPORT(wtw_helpers) uint32_t wtw_helpers();  // that have arrived
// Runs use at most this many threads from now on, the caller included: models that run at the same
// time share the cores.
WTW_EXPORT(wtw_set_threads) void wtw_set_threads(uint32_t threads);
