// Reads plan.bin: bounds, references, types, arity and aliasing, before anything is run.
#include "core/plan.h"

#include <cstring>

namespace wtw {
namespace {

struct Header {
  char magic[8];
  uint32_t abi, sections;
  uint64_t bytes;
  struct {
    uint64_t offset, count;
  } section[12];
};

class Checker {
 public:
  Checker(Plan& plan, Failure& failure) : plan_(plan), failure_(failure) {}

  bool header(const std::byte* bytes, size_t size);
  bool ops();
  bool symbols_and_exprs();
  bool buffers();
  bool values();
  bool attrs();
  bool nodes();
  bool programs();

 private:
  bool refuse(int line, int64_t given = 0, Code code = Code::plan_invalid) {
    failure_.code = code;
    failure_.line = line;
    failure_.given = given;
    return false;
  }
  bool is_expr(uint32_t index, bool is_float) const {
    return index < plan_.exprs.count && (plan_.exprs[index].is_float != 0) == is_float;
  }
  bool expr_refs(uint32_t first, uint32_t n, bool is_float) const;
  bool node(const NodeRecord& node);
  bool operand(const OperandSpec& spec, uint32_t value, bool output);
  bool outputs_alias(const NodeRecord& node, const OpSpec& spec);
  bool same_place(uint32_t a, uint32_t b) const;
  bool program(uint32_t index);
  bool io(uint32_t program, const IoRecord& record, bool input);
  bool definitions(uint32_t program, Array<bool>& written);
  bool readable(uint32_t value, uint32_t program, const Array<bool>& written) const;

  Plan& plan_;
  Failure& failure_;
};

#define REQUIRE(condition, given) \
  if (!(condition)) return refuse(__LINE__, static_cast<int64_t>(given))

bool string_at(const Plan& plan, uint32_t offset, uint32_t length) {
  return plan.strings.holds(offset, length);
}

// Whether `count` records lie at `start`, inside the file.
bool lies_at(uint64_t start, uint64_t size, uint64_t offset, uint64_t count, size_t record) {
  return offset == start && offset <= size && count <= (size - offset) / record;
}

template <class T>
bool take(const std::byte* bytes, uint64_t size, uint64_t offset, uint64_t count, uint64_t* end,
          Section<T>* section) {
  const uint64_t start = (*end + 7) & ~uint64_t{7};
  if (!lies_at(start, size, offset, count, sizeof(T))) return false;
  section->data = reinterpret_cast<const T*>(bytes + offset);
  section->count = static_cast<uint32_t>(count);
  *end = offset + count * sizeof(T);
  return true;
}

bool Checker::header(const std::byte* bytes, size_t size) {
  REQUIRE(size >= sizeof(Header) && size <= kMaxPlanBytes, size);
  Header header;
  std::memcpy(&header, bytes, sizeof(header));
  REQUIRE(std::memcmp(header.magic, "WTWPLAN", 8) == 0, 0);
  if (header.abi != kAbi) return refuse(__LINE__, header.abi, Code::abi_mismatch);
  REQUIRE(header.sections == 12, header.sections);
  REQUIRE(header.bytes == size, header.bytes);
  uint64_t end = sizeof(Header);
  int at = 0;
  auto next = [&](auto* section) {
    const auto& entry = header.section[at++];
    return take(bytes, size, entry.offset, entry.count, &end, section);
  };
  Plan& p = plan_;
  REQUIRE(next(&p.strings) && next(&p.ops) && next(&p.symbols) && next(&p.code) && next(&p.exprs) &&
              next(&p.buffers) && next(&p.values) && next(&p.refs) && next(&p.attrs) &&
              next(&p.nodes) && next(&p.programs) && next(&p.io),
          at);
  REQUIRE(((end + 7) & ~uint64_t{7}) == size, end);
  REQUIRE(p.nodes.count <= kMaxNodes, p.nodes.count);
  return true;
}

bool Checker::ops() {
  if (!plan_.op_specs.reset(plan_.ops.count)) return refuse(__LINE__, 0, Code::out_of_memory);
  for (uint32_t i = 0; i < plan_.ops.count; ++i) {
    const OpRecord& op = plan_.ops[i];
    REQUIRE(string_at(plan_, op.name, op.length), i);
    plan_.op_specs[i] = find_op(plan_.strings.data + op.name, op.length);
    REQUIRE(plan_.op_specs[i] != nullptr, i);
  }
  return true;
}

// Definitions of symbols read inputs and earlier symbols; other expressions read symbols only.
bool Checker::symbols_and_exprs() {
  Array<bool> defines;
  if (!defines.reset(plan_.exprs.count)) return refuse(__LINE__, 0, Code::out_of_memory);
  for (uint32_t i = 0; i < plan_.symbols.count; ++i) {
    const SymbolRecord& symbol = plan_.symbols[i];
    REQUIRE(symbol.min <= symbol.max, i);
    REQUIRE(symbol.program < plan_.programs.count, i);
    REQUIRE(symbol.definition < plan_.exprs.count, i);
    defines[symbol.definition] = true;
  }
  for (uint32_t i = 0; i < plan_.exprs.count; ++i) {
    const ExprRecord& expr = plan_.exprs[i];
    REQUIRE(plan_.code.holds(expr.first, expr.count), i);
    REQUIRE(expr.is_float <= 1 && expr.zero == 0, i);
    REQUIRE(check_expr(plan_.code.data + expr.first, expr.count, expr.is_float != 0,
                       plan_.symbols.count, defines[i]),
            i);
  }
  for (uint32_t i = 0; i < plan_.symbols.count; ++i) {
    REQUIRE(is_expr(plan_.symbols[i].definition, false), i);
  }
  return true;
}

bool Checker::expr_refs(uint32_t first, uint32_t n, bool is_float) const {
  if (!plan_.refs.holds(first, n)) return false;
  for (uint32_t i = 0; i < n; ++i) {
    if (!is_expr(plan_.refs[first + i], is_float)) return false;
  }
  return true;
}

bool Checker::buffers() {
  uint64_t end = 0;  // of the last weight: they lie in order
  for (uint32_t i = 0; i < plan_.buffers.count; ++i) {
    const BufferRecord& buffer = plan_.buffers[i];
    switch (buffer.kind) {
      case BufferKind::weight:
        REQUIRE(buffer.offset % 64 == 0 && buffer.offset >= end && buffer.owner == 0, i);
        REQUIRE(buffer.offset <= plan_.weights_bytes, i);
        REQUIRE(buffer.bytes <= plan_.weights_bytes - buffer.offset, i);
        end = buffer.offset + buffer.bytes;
        break;
      case BufferKind::arena:
        REQUIRE(buffer.owner < plan_.programs.count && buffer.offset == 0, i);
        REQUIRE(buffer.bytes <= UINT32_MAX && is_expr(static_cast<uint32_t>(buffer.bytes), false),
                i);
        break;
      case BufferKind::state:
        REQUIRE(buffer.owner <= i && buffer.offset == 0, i);
        REQUIRE(buffer.owner == 0 || plan_.buffers[buffer.owner - 1].kind == BufferKind::weight, i);
        REQUIRE(buffer.bytes <= UINT32_MAX && is_expr(static_cast<uint32_t>(buffer.bytes), false),
                i);
        break;
      default:
        return refuse(__LINE__, i);
    }
  }
  return true;
}

bool Checker::values() {
  for (uint32_t i = 0; i < plan_.values.count; ++i) {
    const ValueRecord& value = plan_.values[i];
    REQUIRE(value.buffer < plan_.buffers.count, i);
    REQUIRE(value.dtype < kDTypes && value.rank <= kMaxRank && value.zero == 0, i);
    REQUIRE(expr_refs(value.refs, 2u * value.rank, false), i);
    REQUIRE(is_expr(value.offset, false), i);
    if (value.layout == static_cast<uint8_t>(Layout::panel8)) {
      REQUIRE(plan_.buffers[value.buffer].kind == BufferKind::weight, i);
      REQUIRE(value.groups >= 1 && value.rank >= 1, i);
    } else {
      REQUIRE(value.layout == static_cast<uint8_t>(Layout::plain) && value.groups == 0, i);
    }
  }
  return true;
}

bool Checker::attrs() {
  for (uint32_t i = 0; i < plan_.attrs.count; ++i) {
    const AttrRecord& attr = plan_.attrs[i];
    REQUIRE(attr.kind <= static_cast<uint32_t>(AttrKind::reals) && attr.zero == 0, i);
    const auto kind = static_cast<AttrKind>(attr.kind);
    const bool list = kind == AttrKind::integers || kind == AttrKind::reals;
    REQUIRE(list ? attr.count <= 4096 : attr.count == 1, i);
    REQUIRE(expr_refs(attr.refs, attr.count, kind == AttrKind::real || kind == AttrKind::reals), i);
  }
  return true;
}

bool Checker::operand(const OperandSpec& spec, uint32_t value, bool output) {
  if (value == kAbsent) {
    REQUIRE(!output && (spec.flags & 1) != 0, value);
    return true;
  }
  REQUIRE(value < plan_.values.count, value);
  const ValueRecord& record = plan_.values[value];
  REQUIRE((spec.dtypes & mask_of(static_cast<DType>(record.dtype))) != 0, value);
  if (record.layout == static_cast<uint8_t>(Layout::panel8)) {
    REQUIRE(!output && (spec.layouts & kPanel8) != 0, value);
  }
  return true;
}

// Of two values in one buffer.
bool Checker::same_place(uint32_t a, uint32_t b) const {
  const ValueRecord& x = plan_.values[a];
  const ValueRecord& y = plan_.values[b];
  if (x.dtype != y.dtype || x.rank != y.rank || x.offset != y.offset) return false;
  return std::memcmp(&plan_.refs.data[x.refs], &plan_.refs.data[y.refs],
                     2 * sizeof(uint32_t) * x.rank) == 0;
}

// Outputs go to memory of their own, or take the place of the one input that the row allows.
bool Checker::outputs_alias(const NodeRecord& node, const OpSpec& spec) {
  for (uint32_t o = 0; o < node.outputs; ++o) {
    const uint32_t out = plan_.output(node, o);
    const uint32_t buffer = plan_.values[out].buffer;
    const BufferKind kind = plan_.buffers[buffer].kind;
    REQUIRE(kind != BufferKind::weight, out);
    for (uint32_t i = 0; i < node.inputs; ++i) {
      const uint32_t in = plan_.input(node, i);
      if (in == kAbsent || plan_.values[in].buffer != buffer) continue;
      const bool allowed = o == 0 && static_cast<int32_t>(i) == spec.inplace;
      REQUIRE(allowed && same_place(in, out), out);
    }
    for (uint32_t other = 0; other < o; ++other) {
      REQUIRE(plan_.values[plan_.output(node, other)].buffer != buffer, out);
    }
  }
  return true;
}

bool Checker::node(const NodeRecord& node) {
  REQUIRE(node.op < plan_.ops.count, node.op);
  const OpSpec& spec = plan_.spec(node);
  const bool variadic = spec.n_in > 0 && (spec.inputs[spec.n_in - 1].flags & 2) != 0;
  REQUIRE(variadic ? node.inputs >= spec.n_in : node.inputs == spec.n_in, node.inputs);
  REQUIRE(node.outputs == spec.n_out && node.attrs == spec.n_attr, node.outputs);
  REQUIRE(node.inputs <= kMaxNodes, node.inputs);
  REQUIRE(plan_.refs.holds(node.refs, node.inputs + node.outputs), node.refs);
  REQUIRE(plan_.attrs.holds(node.first_attr, node.attrs), node.first_attr);
  for (uint32_t i = 0; i < node.inputs; ++i) {
    const uint32_t at = i < spec.n_in ? i : spec.n_in - 1;
    if (!operand(spec.inputs[at], plan_.input(node, i), false)) return false;
  }
  for (uint32_t i = 0; i < node.outputs; ++i) {
    if (!operand(spec.outputs[i], plan_.output(node, i), true)) return false;
  }
  for (uint32_t i = 0; i < node.attrs; ++i) {
    REQUIRE(plan_.attrs[node.first_attr + i].kind == static_cast<uint32_t>(spec.attrs[i].kind), i);
  }
  return outputs_alias(node, spec);
}

bool Checker::nodes() {
  for (uint32_t i = 0; i < plan_.nodes.count; ++i) {
    failure_.node = static_cast<int32_t>(i);
    if (!node(plan_.nodes[i])) return false;
  }
  failure_.node = -1;
  return true;
}

bool Checker::readable(uint32_t value, uint32_t program, const Array<bool>& written) const {
  const uint32_t index = plan_.values[value].buffer;
  const BufferRecord& buffer = plan_.buffers[index];
  return buffer.kind != BufferKind::arena || (buffer.owner == program && written[index]);
}

bool Checker::io(uint32_t program, const IoRecord& record, bool input) {
  switch (record.kind) {
    case IoKind::tensor: {
      REQUIRE(record.ref < plan_.values.count, record.ref);
      const ValueRecord& value = plan_.values[record.ref];
      REQUIRE(value.layout == static_cast<uint8_t>(Layout::plain), record.ref);
      const BufferRecord& buffer = plan_.buffers[value.buffer];
      if (input) REQUIRE(buffer.kind == BufferKind::arena && buffer.owner == program, record.ref);
      return true;
    }
    case IoKind::integer:
    case IoKind::boolean:
      REQUIRE(input ? record.ref == 0 : is_expr(record.ref, false), record.ref);
      return true;
    case IoKind::real:
      REQUIRE(input ? record.ref == 0 : is_expr(record.ref, true), record.ref);
      return true;
    default:
      return refuse(__LINE__, record.ref);
  }
}

// Every arena buffer is an input or written by a node before a node or the caller reads it.
bool Checker::definitions(uint32_t index, Array<bool>& written) {
  const ProgramRecord& program = plan_.programs[index];
  for (uint32_t i = 0; i < program.inputs; ++i) {
    const IoRecord& record = plan_.io[program.first_io + i];
    if (record.kind != IoKind::tensor) continue;
    const uint32_t buffer = plan_.values[record.ref].buffer;
    REQUIRE(!written[buffer], record.ref);
    written[buffer] = true;
  }
  for (uint32_t n = program.first_node; n < program.first_node + program.nodes; ++n) {
    const NodeRecord& node = plan_.nodes[n];
    failure_.node = static_cast<int32_t>(n);
    for (uint32_t i = 0; i < node.inputs; ++i) {
      const uint32_t value = plan_.input(node, i);
      REQUIRE(value == kAbsent || readable(value, index, written), value);
    }
    for (uint32_t i = 0; i < node.outputs; ++i) {
      const uint32_t value = plan_.output(node, i);
      const BufferRecord& buffer = plan_.buffers[plan_.values[value].buffer];
      REQUIRE(buffer.kind != BufferKind::arena || buffer.owner == index, value);
      written[plan_.values[value].buffer] = true;
    }
  }
  failure_.node = -1;
  return true;
}

bool Checker::program(uint32_t index) {
  const ProgramRecord& program = plan_.programs[index];
  REQUIRE(string_at(plan_, program.name, program.length), index);
  REQUIRE(plan_.nodes.holds(program.first_node, program.nodes), index);
  REQUIRE(program.inputs <= 65536 && program.outputs <= 65536, index);
  REQUIRE(plan_.io.holds(program.first_io, program.inputs + program.outputs), index);
  REQUIRE(expr_refs(program.first_guard, program.guards, false), index);
  for (uint32_t i = 0; i < program.inputs + program.outputs; ++i) {
    if (!io(index, plan_.io[program.first_io + i], i < program.inputs)) return false;
  }
  Array<bool> written;
  if (!written.reset(plan_.buffers.count)) return refuse(__LINE__, 0, Code::out_of_memory);
  if (!definitions(index, written)) return false;
  for (uint32_t i = program.inputs; i < program.inputs + program.outputs; ++i) {
    const IoRecord& record = plan_.io[program.first_io + i];
    REQUIRE(record.kind != IoKind::tensor || readable(record.ref, index, written), record.ref);
  }
  return true;
}

bool Checker::programs() {
  for (uint32_t i = 0; i < plan_.programs.count; ++i) {
    if (!program(i)) return false;
  }
  return true;
}

#undef REQUIRE

}  // namespace

Code parse(const void* bytes, size_t size, size_t weights_bytes, Plan* plan, Failure* failure) {
  *failure = Failure{};
  plan->weights_bytes = weights_bytes;
  Checker checker(*plan, *failure);
  const bool valid = checker.header(static_cast<const std::byte*>(bytes), size) && checker.ops() &&
                     checker.symbols_and_exprs() && checker.buffers() && checker.values() &&
                     checker.attrs() && checker.nodes() && checker.programs();
  return valid ? Code::ok : failure->code;
}

}  // namespace wtw
