// Programs: their inputs and outputs, what defines their symbols, that nothing is read before it
// was written, and that prepared buffers are the business of one program.
#include <string_view>

#include "core/plan_checker.h"
#include "core/written.h"

namespace wtw {
namespace {

constexpr uint32_t kMaxPorts = 1u << 16;

Code tensor_port(const Checker& checker, uint32_t index, uint32_t value, bool input) {
  const Plan& plan = checker.plan;
  WTW_REQUIRE(checker, value < plan.values.count, value);
  WTW_REQUIRE(checker, !plan.values[value].is_packed(), value);
  const BufferRecord& buffer = plan.buffers[plan.values[value].buffer];
  WTW_REQUIRE(checker, !input || (buffer.kind == BufferKind::arena && buffer.owner == index),
              value);
  return Code::ok;
}

Code port(const Checker& checker, uint32_t index, const IoRecord& record, bool input) {
  WTW_REQUIRE(checker, record.kind <= IoKind::boolean, record.ref);
  if (record.kind == IoKind::tensor) return tensor_port(checker, index, record.ref, input);
  const bool is_float = record.kind == IoKind::real;
  WTW_REQUIRE(checker, input ? record.ref == 0 : checker.is_expr(record.ref, is_float), record.ref);
  return Code::ok;
}

// `dim` reads a size of a tensor, `scalar` a whole number; both are inputs of the same program.
Code leaf(const Checker& checker, const ProgramRecord& program, const Instruction& code) {
  const auto opcode = static_cast<Opcode>(code.opcode);
  if (opcode != Opcode::dim && opcode != Opcode::scalar) return Code::ok;
  const Plan& plan = checker.plan;
  const auto input = static_cast<uint32_t>(code.argument);
  WTW_REQUIRE(checker, input < program.inputs, input);
  const IoRecord& record = plan.io[program.first_io + input];
  if (opcode == Opcode::dim) {
    WTW_REQUIRE(checker, record.kind == IoKind::tensor, input);
    WTW_REQUIRE(checker, code.operand < plan.values[record.ref].rank, input);
  } else {
    WTW_REQUIRE(checker, record.kind == IoKind::integer, input);
  }
  return Code::ok;
}

Code definitions(const Checker& checker, uint32_t index, const ProgramRecord& program) {
  const Plan& plan = checker.plan;
  for (uint32_t i = 0; i < plan.symbols.count; ++i) {
    if (plan.symbols[i].program != index || plan.symbols[i].is_decided()) continue;
    const ExprRecord& expr = plan.exprs[plan.symbols[i].definition];
    const Instruction* const code = plan.code.data + expr.first;
    for (uint32_t at = 0; at < expr.count; at += words_of(code[at])) {
      WTW_TRY(leaf(checker, program, code[at]));
    }
  }
  return Code::ok;
}

// `prepare` reads weights and what it has prepared; the others read what they have, and all that is
// prepared.
bool readable(const Plan& plan, uint32_t value, uint32_t index, const Written& written) {
  const uint32_t buffer = plan.values[value].buffer;
  const BufferRecord& record = plan.buffers[buffer];
  if (record.kind == BufferKind::weight) return true;
  if (record.kind == BufferKind::arena) return record.owner == index && written[buffer];
  return index != plan.prepare || written[buffer];
}

// `prepare` writes prepared buffers alone, and it alone writes them.
bool writable(const Plan& plan, uint32_t value, uint32_t index) {
  const BufferRecord& record = plan.buffers[plan.values[value].buffer];
  if (record.kind == BufferKind::prepared || index == plan.prepare) {
    return record.kind == BufferKind::prepared && index == plan.prepare;
  }
  return record.kind == BufferKind::state || record.owner == index;
}

Code read_and_write(const Checker& checker, uint32_t index, const NodeRecord& node,
                    Written& written) {
  const Plan& plan = checker.plan;
  for (uint32_t i = 0; i < node.inputs; ++i) {
    const uint32_t value = plan.input(node, i);
    WTW_REQUIRE(checker, value == kAbsent || readable(plan, value, index, written), value);
  }
  for (uint32_t i = 0; i < node.outputs; ++i) {
    const uint32_t value = plan.output(node, i);
    WTW_REQUIRE(checker, writable(plan, value, index), value);
    written.write(plan.values[value].buffer);
  }
  return Code::ok;
}

// Every arena buffer is an input or written by a node before a node or the caller reads it; every
// prepared buffer is written by `prepare`.
Code order(const Checker& checker, uint32_t index, const ProgramRecord& program) {
  const Plan& plan = checker.plan;
  Written written;
  if (!written.reset(plan, program)) return checker.fail(Code::out_of_memory, __LINE__);
  for (uint32_t i = 0; i < program.inputs; ++i) {
    const IoRecord& record = plan.io[program.first_io + i];
    if (record.kind != IoKind::tensor) continue;
    const uint32_t buffer = plan.values[record.ref].buffer;
    WTW_REQUIRE(checker, !written[buffer], record.ref);
    written.write(buffer);
  }
  for (uint32_t n = program.first_node; n < program.first_node + program.nodes; ++n) {
    checker.failure.node = static_cast<int32_t>(n);
    const Control control = plan.nodes[n].control;
    WTW_REQUIRE(checker, control == Control::none || index != plan.prepare, n);
    WTW_REQUIRE(checker, written.enter(control), n);
    WTW_TRY(read_and_write(checker, index, plan.nodes[n], written));
  }
  checker.failure.node = -1;
  WTW_REQUIRE(checker, written.is_outside(), index);
  for (uint32_t i = program.inputs; i < program.inputs + program.outputs; ++i) {
    const IoRecord& record = plan.io[program.first_io + i];
    const bool number = record.kind != IoKind::tensor;
    WTW_REQUIRE(checker, number || readable(plan, record.ref, index, written), record.ref);
  }
  for (uint32_t i = 0; index == plan.prepare && i < plan.buffers.count; ++i) {
    WTW_REQUIRE(checker, plan.buffers[i].kind != BufferKind::prepared || written[i], i);
  }
  return Code::ok;
}

Code check_program(const Checker& checker, uint32_t index) {
  const Plan& plan = checker.plan;
  const ProgramRecord& program = plan.programs[index];
  WTW_REQUIRE(checker, plan.nodes.holds(program.first_node, program.nodes), index);
  WTW_REQUIRE(checker, program.inputs <= kMaxPorts && program.outputs <= kMaxPorts, index);
  WTW_REQUIRE(checker, plan.io.holds(program.first_io, program.inputs + program.outputs), index);
  WTW_REQUIRE(checker, checker.are_exprs(program.first_guard, program.guards, false), index);
  for (uint32_t i = 0; i < program.inputs + program.outputs; ++i) {
    WTW_TRY(port(checker, index, plan.io[program.first_io + i], i < program.inputs));
  }
  WTW_TRY(definitions(checker, index, program));
  return order(checker, index, program);
}

bool is_prepare(const Plan& plan, const ProgramRecord& program) {
  constexpr std::string_view name = "prepare";
  return std::string_view(plan.strings.data + program.name, program.length) == name;
}

// At most one program is `prepare`. Nothing that a host gives or gets is part of it.
Code find_prepare(const Checker& checker) {
  Plan& plan = checker.plan;
  for (uint32_t i = 0; i < plan.programs.count; ++i) {
    const ProgramRecord& program = plan.programs[i];
    WTW_REQUIRE(checker, plan.strings.holds(program.name, program.length), i);
    if (!is_prepare(plan, program)) continue;
    WTW_REQUIRE(checker, plan.prepare == kAbsent, i);
    WTW_REQUIRE(checker, program.inputs == 0 && program.outputs == 0 && program.guards == 0, i);
    plan.prepare = i;
  }
  for (uint32_t i = 0; i < plan.symbols.count; ++i) {
    WTW_REQUIRE(checker, plan.symbols[i].program != plan.prepare, i);
  }
  for (uint32_t i = 0; i < plan.buffers.count; ++i) {
    const bool prepared = plan.buffers[i].kind == BufferKind::prepared;
    WTW_REQUIRE(checker, !prepared || plan.prepare != kAbsent, i);
  }
  return Code::ok;
}

}  // namespace

Code check_programs(const Checker& checker) {
  WTW_TRY(find_prepare(checker));
  for (uint32_t i = 0; i < checker.plan.programs.count; ++i) {
    WTW_TRY(check_program(checker, i));
  }
  return Code::ok;
}

}  // namespace wtw
