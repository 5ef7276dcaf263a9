// Records that can be judged one by one: operators, symbols, expressions, buffers, values,
// attributes.
#include "core/plan_checker.h"

namespace wtw {
namespace {

constexpr uint32_t kMaxListed = 4096;  // numbers in one attribute

Code ops(const Checker& checker) {
  Plan& plan = checker.plan;
  if (!plan.op_specs.reset(plan.ops.count)) return checker.fail(Code::out_of_memory, __LINE__);
  for (uint32_t i = 0; i < plan.ops.count; ++i) {
    const OpRecord& op = plan.ops[i];
    WTW_REQUIRE(checker, plan.strings.holds(op.name, op.length), i);
    plan.op_specs[i] = find_op(plan.strings.data + op.name, op.length);
    WTW_REQUIRE(checker, plan.op_specs[i] != nullptr, i);
  }
  return Code::ok;
}

// A symbol is defined by an expression over the inputs, or decided by an output of a node.
Code symbol(const Checker& checker, uint32_t i) {
  const Plan& plan = checker.plan;
  const SymbolRecord& symbol = plan.symbols[i];
  WTW_REQUIRE(checker, symbol.min <= symbol.max, i);
  WTW_REQUIRE(checker, symbol.program < plan.programs.count, i);
  WTW_REQUIRE(checker, symbol.is_float <= 1 && symbol.zero == 0, i);
  if (symbol.is_decided()) return Code::ok;
  WTW_REQUIRE(checker, checker.is_expr(symbol.definition, false), i);
  WTW_REQUIRE(checker, symbol.node == kAbsent && symbol.output == 0 && symbol.is_float == 0, i);
  return Code::ok;
}

// Definitions of symbols may read inputs; other expressions read symbols only.
Code symbols_and_exprs(const Checker& checker) {
  const Plan& plan = checker.plan;
  Array<bool> defines, floats;
  if (!defines.reset(plan.exprs.count) || !floats.reset(plan.symbols.count)) {
    return checker.fail(Code::out_of_memory, __LINE__);
  }
  for (uint32_t i = 0; i < plan.symbols.count; ++i) {
    WTW_TRY(symbol(checker, i));
    floats[i] = plan.symbols[i].is_float != 0;
    if (!plan.symbols[i].is_decided()) defines[plan.symbols[i].definition] = true;
  }
  for (uint32_t i = 0; i < plan.exprs.count; ++i) {
    const ExprRecord& expr = plan.exprs[i];
    WTW_REQUIRE(checker, plan.code.holds(expr.first, expr.count), i);
    WTW_REQUIRE(checker, expr.is_float <= 1 && expr.zero == 0, i);
    WTW_REQUIRE(
        checker,
        check_expr(plan.code.data + expr.first, expr.count, expr.is_float != 0, floats, defines[i]),
        i);
  }
  return Code::ok;
}

Code weight_buffer(const Checker& checker, const BufferRecord& buffer, uint64_t end, uint32_t i) {
  WTW_REQUIRE(checker, buffer.offset % 64 == 0 && buffer.offset >= end && buffer.owner == 0, i);
  WTW_REQUIRE(checker, buffer.offset <= checker.plan.weights_bytes, i);
  WTW_REQUIRE(checker, buffer.bytes <= checker.plan.weights_bytes - buffer.offset, i);
  return Code::ok;
}

// A prepared buffer has a size that no input decides.
Code prepared_buffer(const Checker& checker, const BufferRecord& buffer, uint32_t i) {
  WTW_REQUIRE(checker, buffer.offset == 0 && buffer.owner == 0 && buffer.bytes <= INT32_MAX, i);
  return Code::ok;
}

// Arena and state buffers have their size from an expression.
Code sized_buffer(const Checker& checker, const BufferRecord& buffer, uint32_t i) {
  WTW_REQUIRE(checker, buffer.offset == 0 && buffer.bytes <= UINT32_MAX, i);
  WTW_REQUIRE(checker, checker.is_expr(static_cast<uint32_t>(buffer.bytes), false), i);
  return Code::ok;
}

Code arena_buffer(const Checker& checker, const BufferRecord& buffer, uint32_t i) {
  WTW_TRY(sized_buffer(checker, buffer, i));
  WTW_REQUIRE(checker, buffer.owner < checker.plan.programs.count, i);
  return Code::ok;
}

Code state_buffer(const Checker& checker, const BufferRecord& buffer, uint32_t i) {
  const uint32_t owner = buffer.owner;
  WTW_TRY(sized_buffer(checker, buffer, i));
  WTW_REQUIRE(checker, owner <= i, i);
  WTW_REQUIRE(checker, owner == 0 || checker.plan.buffers[owner - 1].kind == BufferKind::weight, i);
  return Code::ok;
}

Code buffers(const Checker& checker) {
  const Plan& plan = checker.plan;
  uint64_t end = 0;  // of the last weight: they lie in order
  for (uint32_t i = 0; i < plan.buffers.count; ++i) {
    const BufferRecord& buffer = plan.buffers[i];
    WTW_REQUIRE(checker, buffer.kind <= BufferKind::prepared, i);
    if (buffer.kind == BufferKind::weight) {
      WTW_TRY(weight_buffer(checker, buffer, end, i));
      end = buffer.offset + buffer.bytes;
    } else if (buffer.kind == BufferKind::arena) {
      WTW_TRY(arena_buffer(checker, buffer, i));
    } else if (buffer.kind == BufferKind::state) {
      WTW_TRY(state_buffer(checker, buffer, i));
    } else {
      WTW_TRY(prepared_buffer(checker, buffer, i));
    }
  }
  return Code::ok;
}

Code values(const Checker& checker) {
  const Plan& plan = checker.plan;
  for (uint32_t i = 0; i < plan.values.count; ++i) {
    const ValueRecord& value = plan.values[i];
    WTW_REQUIRE(checker, value.buffer < plan.buffers.count, i);
    WTW_REQUIRE(checker, value.dtype < kDTypes && value.rank <= kMaxRank && value.zero == 0, i);
    WTW_REQUIRE(checker, checker.are_exprs(value.refs, 2u * value.rank, false), i);
    WTW_REQUIRE(checker, checker.is_expr(value.offset, false), i);
    if (value.is_packed()) {
      WTW_REQUIRE(checker, plan.buffers[value.buffer].kind == BufferKind::weight, i);
      WTW_REQUIRE(checker, value.groups >= 1 && value.rank >= 1, i);
    } else {
      WTW_REQUIRE(checker, value.layout == static_cast<uint8_t>(Layout::plain), i);
      WTW_REQUIRE(checker, value.groups == 0, i);
    }
  }
  return Code::ok;
}

Code attrs(const Checker& checker) {
  const Plan& plan = checker.plan;
  for (uint32_t i = 0; i < plan.attrs.count; ++i) {
    const AttrRecord& attr = plan.attrs[i];
    WTW_REQUIRE(checker, attr.kind <= static_cast<uint32_t>(AttrKind::reals) && attr.zero == 0, i);
    const auto kind = static_cast<AttrKind>(attr.kind);
    const bool list = kind == AttrKind::integers || kind == AttrKind::reals;
    const bool is_float = kind == AttrKind::real || kind == AttrKind::reals;
    WTW_REQUIRE(checker, list ? attr.count <= kMaxListed : attr.count == 1, i);
    WTW_REQUIRE(checker, checker.are_exprs(attr.refs, attr.count, is_float), i);
  }
  return Code::ok;
}

}  // namespace

Code check_records(const Checker& checker) {
  WTW_TRY(ops(checker));
  WTW_TRY(symbols_and_exprs(checker));
  WTW_TRY(buffers(checker));
  WTW_TRY(values(checker));
  return attrs(checker);
}

}  // namespace wtw
