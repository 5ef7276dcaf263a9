// Sizes of the inputs in, the value of every expression out; what the plan declares of sizes holds.
#include "core/binder.h"

namespace wtw {
namespace {

bool evaluate(const Plan& plan, uint32_t index, const ExprInputs& inputs, Slot* value) {
  const ExprRecord& expr = plan.exprs[index];
  return wtw::evaluate(plan.code.data + expr.first, expr.count, inputs, value);
}

// Binds the program's symbols in order, then evaluates every expression that they suffice for.
Code expressions(const Binder& binder) {
  const Plan& plan = binder.plan;
  Array<int64_t> symbols;
  Array<bool> known;
  if (!symbols.reset(plan.symbols.count) || !known.reset(plan.symbols.count)) {
    return binder.fail(Code::out_of_memory, __LINE__);
  }
  ExprInputs inputs{symbols.data(), known.data(), binder.session.io[binder.index].data()};
  for (uint32_t i = 0; i < plan.symbols.count; ++i) {
    const SymbolRecord& symbol = plan.symbols[i];
    if (symbol.program != binder.index) continue;
    Slot value;
    WTW_REQUIRE(binder, evaluate(plan, symbol.definition, inputs, &value), i);
    if (value.i < symbol.min || value.i > symbol.max) {
      return binder.fail(Code::size_out_of_range, __LINE__, value.i, 0, static_cast<int>(i));
    }
    symbols[i] = value.i;
    known[i] = true;
  }
  inputs.io = nullptr;
  for (uint32_t i = 0; i < plan.exprs.count; ++i) {
    binder.binding.evaluated[i] = evaluate(plan, i, inputs, &binder.binding.exprs[i]);
  }
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

Code guards(const Binder& binder) {
  for (uint32_t i = 0; i < binder.program.guards; ++i) {
    int64_t holds = 0;
    WTW_REQUIRE(binder, binder.integer(binder.plan.refs[binder.program.first_guard + i], &holds),
                i);
    if (holds == 0) {
      return binder.fail(Code::guard_failed, __LINE__, 0, 0, static_cast<int>(i));
    }
  }
  return Code::ok;
}

}  // namespace

Code bind_sizes(const Binder& binder) {
  const Plan& plan = binder.plan;
  const ProgramRecord& program = binder.program;
  WTW_TRY(expressions(binder));
  for (uint32_t i = 0; i < program.inputs; ++i) {
    const IoRecord& port = plan.io[program.first_io + i];
    if (port.kind == IoKind::tensor) WTW_TRY(input_shape(binder, i, plan.values[port.ref]));
  }
  WTW_TRY(guards(binder));
  for (uint32_t i = program.inputs; i < program.inputs + program.outputs; ++i) {
    const IoRecord& port = plan.io[program.first_io + i];
    WTW_REQUIRE(binder, port.kind == IoKind::tensor || binder.binding.evaluated[port.ref],
                port.ref);
  }
  return Code::ok;
}

}  // namespace wtw
