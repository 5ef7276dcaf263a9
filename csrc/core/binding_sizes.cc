// Sizes of the inputs in, the value of every expression out; what the plan declares of sizes holds.
#include "core/binder.h"

namespace wtw {
namespace {

bool value_of(const Plan& plan, uint32_t index, const ExprInputs& inputs, Slot* value) {
  const ExprRecord& expr = plan.exprs[index];
  return evaluate(plan.code.data + expr.first, expr.count, inputs, value);
}

// Binds the program's symbols in order, then evaluates every expression that they suffice for.
Code expressions(const Binder& binder) {
  const Plan& plan = binder.plan;
  Binding& binding = binder.binding;
  const ExprInputs inputs{binding.symbols.data(), binding.known.data(),
                          binder.session.io[binder.index].data()};
  for (uint32_t i = 0; i < plan.symbols.count; ++i) {
    const SymbolRecord& symbol = plan.symbols[i];
    if (symbol.program != binder.index || symbol.is_decided()) continue;
    Slot value;
    WTW_REQUIRE(binder, value_of(plan, symbol.definition, inputs, &value), i);
    if (value.i < symbol.min || value.i > symbol.max) {
      return binder.fail(Code::size_out_of_range, __LINE__, value.i, 0, static_cast<int>(i));
    }
    binding.symbols[i] = value;
    binding.known[i] = true;
  }
  for (uint32_t i = 0; i < plan.exprs.count; ++i) binder.evaluate(i);
  return Code::ok;
}

Code input_shape(const Binder& binder, uint32_t input, const ValueRecord& value) {
  const int64_t* const shape = binder.session.io[binder.index][input].shape;
  for (uint32_t axis = 0; axis < value.rank; ++axis) {
    int64_t expected = 0;
    WTW_REQUIRE(binder, binder.integer(binder.plan.refs[value.refs + axis], &expected), input);
    if (shape[axis] != expected) {
      return binder.fail(Code::size_mismatch, __LINE__, shape[axis], expected,
                         static_cast<int>(input), static_cast<int>(axis));
    }
  }
  return Code::ok;
}

}  // namespace

void Binder::evaluate(uint32_t expr) const {
  const ExprInputs inputs{binding.symbols.data(), binding.known.data(), nullptr};
  binding.evaluated[expr] = value_of(plan, expr, inputs, &binding.exprs[expr]);
}

Code check_guards(const Binder& binder, int32_t after) {
  for (uint32_t i = 0; i < binder.program.guards; ++i) {
    const uint32_t guard = binder.plan.refs[binder.program.first_guard + i];
    if (binder.plan.after_expr(guard) != after) continue;
    int64_t holds = 0;
    WTW_REQUIRE(binder, binder.integer(guard, &holds), i);
    if (holds == 0) {
      return binder.fail(Code::guard_failed, __LINE__, 0, 0, static_cast<int>(i));
    }
  }
  return Code::ok;
}

Code bind_sizes(const Binder& binder) {
  const Plan& plan = binder.plan;
  const ProgramRecord& program = binder.program;
  WTW_TRY(expressions(binder));
  for (uint32_t i = 0; i < program.inputs; ++i) {
    const IoRecord& port = plan.io[program.first_io + i];
    if (port.kind == IoKind::tensor) WTW_TRY(input_shape(binder, i, plan.values[port.ref]));
  }
  WTW_TRY(check_guards(binder, -1));
  for (uint32_t i = program.inputs; i < program.inputs + program.outputs; ++i) {
    const IoRecord& port = plan.io[program.first_io + i];
    const bool later = port.kind == IoKind::tensor || plan.after_expr(port.ref) >= 0;
    WTW_REQUIRE(binder, later || binder.binding.evaluated[port.ref], port.ref);
  }
  return Code::ok;
}

}  // namespace wtw
