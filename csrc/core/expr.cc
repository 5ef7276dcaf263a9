// Checks and evaluates the plan's expressions; overflow and division by zero are errors.
#include "core/expr.h"

#include <cmath>
#include <cstring>

namespace wtw {
namespace {

// Operand types popped (right to left as written: first pushed first) and the type pushed.
struct Signature {
  const char* pops;
  char pushes;
};
constexpr Signature kSignatures[kOpcodes] = {
    {"", 'i'},   {"", 'f'},   {"", 'i'},   {"", 'i'},   {"", 'i'},                  // constants
    {"ii", 'i'}, {"ii", 'i'}, {"ii", 'i'}, {"ii", 'i'}, {"ii", 'i'},  {"ii", 'i'},  // add .. min
    {"ii", 'i'}, {"ff", 'f'}, {"ff", 'f'}, {"ff", 'f'}, {"ff", 'f'},  {"ff", 'f'},  // max .. powf
    {"ff", 'f'}, {"ff", 'f'}, {"i", 'f'},  {"f", 'i'},  {"f", 'i'},   {"f", 'i'},   // .. trunc
    {"ii", 'i'}, {"ii", 'i'}, {"ii", 'i'}, {"ii", 'i'}, {"ff", 'i'},  {"ff", 'i'},  // eq .. lef
    {"ff", 'i'}, {"ii", 'i'}, {"ii", 'i'}, {"i", 'i'},  {"iii", 'i'}, {"ii", 'i'},  // eqf .. pow
    {"f", 'f'},
};

bool is_constant(uint8_t opcode) {
  return opcode == static_cast<uint8_t>(Opcode::constant) ||
         opcode == static_cast<uint8_t>(Opcode::constantf);
}

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

// Applies an operator to a (and b, c); false on overflow or division by zero.
bool apply(Opcode opcode, Slot a, Slot b, Slot c, Slot* r) {
  switch (opcode) {
    case Opcode::add:
      return !__builtin_add_overflow(a.i, b.i, &r->i);
    case Opcode::sub:
      return !__builtin_sub_overflow(a.i, b.i, &r->i);
    case Opcode::mul:
      return !__builtin_mul_overflow(a.i, b.i, &r->i);
    case Opcode::floordiv:
      return floor_divide(a.i, b.i, &r->i);
    case Opcode::mod:
      return python_modulo(a.i, b.i, &r->i);
    case Opcode::min:
      r->i = a.i < b.i ? a.i : b.i;
      return true;
    case Opcode::max:
      r->i = a.i > b.i ? a.i : b.i;
      return true;
    case Opcode::addf:
      r->f = a.f + b.f;
      return true;
    case Opcode::subf:
      r->f = a.f - b.f;
      return true;
    case Opcode::mulf:
      r->f = a.f * b.f;
      return true;
    case Opcode::divf:
      r->f = a.f / b.f;
      return b.f != 0;
    case Opcode::powf:
      r->f = std::pow(a.f, b.f);
      return true;
    case Opcode::minf:
      r->f = a.f < b.f ? a.f : b.f;
      return true;
    case Opcode::maxf:
      r->f = a.f > b.f ? a.f : b.f;
      return true;
    case Opcode::tofloat:
      r->f = static_cast<double>(a.i);
      return true;
    case Opcode::floor:
      return to_int(std::floor(a.f), &r->i);
    case Opcode::ceil:
      return to_int(std::ceil(a.f), &r->i);
    case Opcode::trunc:
      return to_int(std::trunc(a.f), &r->i);
    case Opcode::eq:
      r->i = a.i == b.i;
      return true;
    case Opcode::ne:
      r->i = a.i != b.i;
      return true;
    case Opcode::lt:
      r->i = a.i < b.i;
      return true;
    case Opcode::le:
      r->i = a.i <= b.i;
      return true;
    case Opcode::ltf:
      r->i = a.f < b.f;
      return true;
    case Opcode::lef:
      r->i = a.f <= b.f;
      return true;
    case Opcode::eqf:
      r->i = a.f == b.f;
      return true;
    case Opcode::land:
      r->i = (a.i != 0) & (b.i != 0);
      return true;
    case Opcode::lor:
      r->i = (a.i != 0) | (b.i != 0);
      return true;
    case Opcode::lnot:
      r->i = a.i == 0;
      return true;
    case Opcode::select:
      r->i = a.i != 0 ? b.i : c.i;
      return true;
    case Opcode::pow:
      return power(a.i, b.i, &r->i);
    case Opcode::sqrtf:
      r->f = std::sqrt(a.f);
      return a.f >= 0;
    default:
      return false;
  }
}

// Reads a leaf (symbol, dim or scalar).
Eval read(const Instruction& code, const ExprInputs& inputs, int64_t* value) {
  const auto index = static_cast<uint32_t>(code.argument);
  if (code.opcode == static_cast<uint8_t>(Opcode::symbol)) {
    if (!inputs.known[index]) return Eval::unknown_symbol;
    *value = inputs.symbols[index];
    return Eval::ok;
  }
  if (inputs.context == nullptr) return Eval::bad_arithmetic;
  if (code.opcode == static_cast<uint8_t>(Opcode::scalar)) {
    return inputs.scalar(inputs.context, index, value) ? Eval::ok : Eval::bad_arithmetic;
  }
  uint32_t rank = 0;
  const int64_t* dims = inputs.dims(inputs.context, index, &rank);
  if (dims == nullptr || code.operand >= rank) return Eval::bad_arithmetic;
  *value = dims[code.operand];
  return Eval::ok;
}

bool leaf_allowed(const Instruction& code, uint32_t symbols, bool inputs) {
  switch (static_cast<Opcode>(code.opcode)) {
    case Opcode::symbol:
      return code.argument >= 0 && static_cast<uint32_t>(code.argument) < symbols;
    case Opcode::dim:
    case Opcode::scalar:
      return inputs && code.argument >= 0;
    default:
      return true;
  }
}

}  // namespace

bool check_expr(const Instruction* code, uint32_t count, bool is_float, uint32_t symbols,
                bool inputs) {
  char stack[kMaxExprDepth];
  int depth = 0;
  for (uint32_t at = 0; at < count; ++at) {
    const Instruction& one = code[at];
    if (one.opcode >= kOpcodes || one.zero != 0) return false;
    if (!leaf_allowed(one, symbols, inputs)) return false;
    const Signature& signature = kSignatures[one.opcode];
    for (size_t i = std::strlen(signature.pops); i > 0; --i) {
      if (depth == 0 || stack[--depth] != signature.pops[i - 1]) return false;
    }
    if (depth == kMaxExprDepth) return false;
    stack[depth++] = signature.pushes;
    if (is_constant(one.opcode) && ++at == count) return false;
  }
  return depth == 1 && stack[0] == (is_float ? 'f' : 'i');
}

Eval evaluate(const Instruction* code, uint32_t count, const ExprInputs& inputs, Slot* result) {
  Slot stack[kMaxExprDepth + 2] = {};  // two more: apply reads three slots whatever the operator
  int depth = 0;
  for (uint32_t at = 0; at < count; ++at) {
    const Instruction& one = code[at];
    const auto opcode = static_cast<Opcode>(one.opcode);
    if (is_constant(one.opcode)) {
      std::memcpy(&stack[depth++], &code[++at], sizeof(Slot));
    } else if (opcode <= Opcode::scalar) {
      const Eval status = read(one, inputs, &stack[depth++].i);
      if (status != Eval::ok) return status;
    } else {
      depth -= static_cast<int>(std::strlen(kSignatures[one.opcode].pops));
      Slot value;
      if (!apply(opcode, stack[depth], stack[depth + 1], stack[depth + 2], &value)) {
        return Eval::bad_arithmetic;
      }
      stack[depth++] = value;
    }
  }
  *result = stack[0];
  return Eval::ok;
}

}  // namespace wtw
