// Sizes and attributes that depend on the inputs: checked postfix programs (docs/format.md).
#pragma once

#include <cstdint>

#include "api.h"
#include "core/array.h"

namespace wtw {

#define WTW_LEAF(name, pushed) name,
#define WTW_TOTAL(name, popped, pushed, value) name,
#define WTW_PARTIAL(name, popped, pushed, done) name,
enum class Opcode : uint8_t {
#include "core/opcodes.def"
};
#undef WTW_LEAF
#undef WTW_TOTAL
#undef WTW_PARTIAL

struct Instruction {
  uint8_t opcode;
  uint8_t operand;
  uint16_t zero;
  int32_t argument;
};
static_assert(sizeof(Instruction) == 8);

// How many instructions of 8 bytes it takes: a constant's value lies behind it.
constexpr uint32_t words_of(const Instruction& code) {
  return code.opcode <= static_cast<uint8_t>(Opcode::constantf) ? 2 : 1;
}

union Slot {
  int64_t i;
  double f;
};

// What an expression may read.
struct ExprInputs {
  const Slot* symbols = nullptr;
  const bool* known = nullptr;  // which symbols are bound; null: none
  const Io* io = nullptr;       // of the program that a symbol is being defined for, else null
};

inline constexpr int kMaxExprDepth = 64;

// Whether the code leaves exactly one value of the type, within the depth; `inputs` says whether
// dim and scalar are allowed, `floats` which of the symbols that may be named are floats.
bool check_expr(const Instruction* code, uint32_t count, bool is_float, const Array<bool>& floats,
                bool inputs);

// Evaluates checked code; false on overflow, division by zero, or where it reads what is not there.
bool evaluate(const Instruction* code, uint32_t count, const ExprInputs& inputs, Slot* result);

}  // namespace wtw
