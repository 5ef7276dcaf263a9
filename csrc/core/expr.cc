// Checks and evaluates the plan's expressions; overflow and division by zero are errors.
#include "core/expr.h"

#include <cmath>
#include <cstring>
#include <iterator>
#include <string_view>

namespace wtw {
namespace {

bool floor_divide(int64_t a, int64_t b, int64_t* result) {
  if (b == 0 || (a == INT64_MIN && b == -1)) return false;
  *result = a / b - ((a % b != 0 && (a % b < 0) != (b < 0)) ? 1 : 0);
  return true;
}

bool python_modulo(int64_t a, int64_t b, int64_t* result) {
  if (b == 0 || (a == INT64_MIN && b == -1)) return false;
  const int64_t rest = a % b;
  *result = (rest != 0 && (rest < 0) != (b < 0)) ? rest + b : rest;
  return true;
}

bool power(int64_t base, int64_t exponent, int64_t* result) {
  if (exponent < 0 || exponent > 62) return false;
  *result = 1;
  for (int64_t i = 0; i < exponent; ++i) {
    if (__builtin_mul_overflow(*result, base, result)) return false;
  }
  return true;
}

bool to_int(double value, int64_t* result) {
  if (!(value >= -9.2e18 && value <= 9.2e18)) return false;
  *result = static_cast<int64_t>(value);
  return true;
}

// The types that an opcode pops and pushes, and what it does to them; leaves apply nothing.
struct Operation {
  std::string_view pops;
  char pushes;
  bool (*apply)(Slot a, Slot b, Slot c, Slot* r);
};

#define WTW_APPLY(done)                                                                    \
  [](Slot a [[maybe_unused]], Slot b [[maybe_unused]], Slot c [[maybe_unused]], Slot* r) { \
    return done;                                                                           \
  }
#define WTW_LEAF(name, pushed) {"", #pushed[0], nullptr},
#define WTW_TOTAL(name, popped, pushed, value) \
  {popped, #pushed[0], WTW_APPLY((r->pushed = (value), true))},
#define WTW_PARTIAL(name, popped, pushed, done) {popped, #pushed[0], WTW_APPLY(done)},
constexpr Operation kOperations[] = {
#include "core/opcodes.def"
};
#undef WTW_APPLY
#undef WTW_LEAF
#undef WTW_TOTAL
#undef WTW_PARTIAL

// Reads a leaf.
bool read(const Instruction* code, const ExprInputs& inputs, Slot* value) {
  const auto index = static_cast<uint32_t>(code->argument);
  switch (static_cast<Opcode>(code->opcode)) {
    case Opcode::symbol:
    case Opcode::symbolf:
      if (inputs.known == nullptr || !inputs.known[index]) return false;
      *value = inputs.symbols[index];
      return true;
    case Opcode::dim:
      if (inputs.io == nullptr) return false;
      value->i = inputs.io[index].shape[code->operand];
      return true;
    case Opcode::scalar:
      if (inputs.io == nullptr) return false;
      value->i = inputs.io[index].integer;
      return true;
    default:  // a constant
      std::memcpy(value, code + 1, sizeof(Slot));
      return true;
  }
}

bool leaf_allowed(const Instruction& code, const Array<bool>& floats, bool inputs) {
  const auto opcode = static_cast<Opcode>(code.opcode);
  switch (opcode) {
    case Opcode::symbol:
    case Opcode::symbolf: {
      const auto index = static_cast<uint32_t>(code.argument);
      return index < floats.size() && floats[index] == (opcode == Opcode::symbolf);
    }
    case Opcode::dim:
    case Opcode::scalar:
      return inputs;
    default:
      return true;
  }
}

}  // namespace

bool check_expr(const Instruction* code, uint32_t count, bool is_float, const Array<bool>& floats,
                bool inputs) {
  char stack[kMaxExprDepth];
  int depth = 0;
  for (uint32_t at = 0; at < count; at += words_of(code[at])) {
    const Instruction& one = code[at];
    if (one.opcode >= std::size(kOperations) || one.zero != 0) return false;
    if (words_of(one) > count - at || !leaf_allowed(one, floats, inputs)) return false;
    const Operation& operation = kOperations[one.opcode];
    for (size_t i = operation.pops.size(); i > 0; --i) {
      if (depth == 0 || stack[--depth] != operation.pops[i - 1]) return false;
    }
    if (depth == kMaxExprDepth) return false;
    stack[depth++] = operation.pushes;
  }
  return depth == 1 && stack[0] == (is_float ? 'f' : 'i');
}

bool evaluate(const Instruction* code, uint32_t count, const ExprInputs& inputs, Slot* result) {
  Slot stack[kMaxExprDepth + 2] = {};  // two more: three slots are passed whatever the operator
  int depth = 0;
  for (uint32_t at = 0; at < count; at += words_of(code[at])) {
    const Operation& operation = kOperations[code[at].opcode];
    depth -= static_cast<int>(operation.pops.size());
    Slot value;
    const Slot* top = stack + depth;
    const bool done = operation.apply != nullptr ? operation.apply(top[0], top[1], top[2], &value)
                                                 : read(code + at, inputs, &value);
    if (!done) return false;
    stack[depth++] = value;
  }
  *result = stack[0];
  return true;
}

}  // namespace wtw
