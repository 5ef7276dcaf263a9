// Sizes and attributes that depend on the inputs: checked postfix programs (docs/format.md).
#pragma once

#include <cstdint>

namespace wtw {

enum class Opcode : uint8_t {
  constant = 0,
  constantf,
  symbol,
  dim,
  scalar,
  add,
  sub,
  mul,
  floordiv,
  mod,
  min,
  max,
  addf,
  subf,
  mulf,
  divf,
  powf,
  minf,
  maxf,
  tofloat,
  floor,
  ceil,
  trunc,
  eq,
  ne,
  lt,
  le,
  ltf,
  lef,
  eqf,
  land,
  lor,
  lnot,
  select,
  pow,
  sqrtf,
};
inline constexpr int kOpcodes = 36;

struct Instruction {
  uint8_t opcode;
  uint8_t operand;
  uint16_t zero;
  int32_t argument;
};
static_assert(sizeof(Instruction) == 8);

union Slot {
  int64_t i;
  double f;
};

// What an expression may read. The sizes and numbers of inputs are only for definitions of symbols.
struct ExprInputs {
  const int64_t* symbols = nullptr;
  const bool* known = nullptr;  // which symbols are bound
  uint32_t symbol_count = 0;
  const int64_t* (*dims)(const void* context, uint32_t input, uint32_t* rank) = nullptr;
  bool (*scalar)(const void* context, uint32_t input, int64_t* value) = nullptr;
  const void* context = nullptr;  // null: there are no inputs
};

inline constexpr int kMaxExprDepth = 64;

// Whether the code leaves exactly one value of the type, within the depth; `inputs` says whether
// dim and scalar are allowed, `symbols` how many symbols may be named.
bool check_expr(const Instruction* code, uint32_t count, bool is_float, uint32_t symbols,
                bool inputs);

enum class Eval { ok, unknown_symbol, bad_arithmetic };

// Evaluates checked code.
Eval evaluate(const Instruction* code, uint32_t count, const ExprInputs& inputs, Slot* result);

}  // namespace wtw
