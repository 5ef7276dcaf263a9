// Makes a binding: sizes from the inputs, every shape, stride and attribute from expressions, then
// each kernel's own check. Nothing here trusts the plan's arithmetic.
#include <cstring>

#include "core/session.h"

namespace wtw {
namespace {

constexpr int64_t kMaxBytes = 8 * kMaxElements;  // of a buffer

class Binder {
 public:
  Binder(Session& session, uint32_t program, Binding& binding)
      : session_(session),
        plan_(session.model->plan),
        program_(plan_.programs[program]),
        index_(program),
        io_(session.io[program]),
        binding_(binding) {}

  Code make();

 private:
  Code fail(Code code, int line, int64_t given = 0, int64_t allowed = 0, int operand = -1,
            int node = -1) {
    session_.failure = {code, node, operand, line, given, allowed};
    return code;
  }
  Code allocate();
  Code symbols();
  Code input_shapes();
  Code guards();
  Code buffers();
  Code tensors();
  Code tensor(uint32_t value);
  Code use(uint32_t value);
  Code extent(uint32_t value, const Tensor& tensor, int64_t offset);
  Code nodes();
  Code attributes(const NodeRecord& node, uint32_t first_attr, uint32_t* number);
  Code operands(uint32_t node, Call& call, const Tensor** operand);
  Code scratch(const Call& call, uint32_t index);
  Code numbers();
  Code lifetimes();
  void touch(uint32_t value, int32_t node);
  bool integer(uint32_t expr, int64_t* value) const {
    *value = binding_.exprs[expr].i;
    return binding_.expr_status[expr] == Eval::ok;
  }

  Session& session_;
  const Plan& plan_;
  const ProgramRecord& program_;
  const uint32_t index_;
  Array<Io>& io_;
  Binding& binding_;
  Array<int64_t> symbols_;
  Array<bool> known_;
};

#define TRY(call)                        \
  do {                                   \
    const Code code_ = (call);           \
    if (code_ != Code::ok) return code_; \
  } while (false)
#define REQUIRE(condition, given)                                                             \
  do {                                                                                        \
    if (!(condition)) return fail(Code::plan_invalid, __LINE__, static_cast<int64_t>(given)); \
  } while (false)

Code Binder::allocate() {
  Binding& b = binding_;
  size_t operands = 0, attrs = 0, numbers = 0;
  for (uint32_t n = 0; n < program_.nodes; ++n) {
    const NodeRecord& node = plan_.nodes[program_.first_node + n];
    operands += node.inputs + node.outputs;
    attrs += node.attrs;
    for (uint32_t a = 0; a < node.attrs; ++a) numbers += plan_.attrs[node.first_attr + a].count;
  }
  // One number more, so that an empty list has an address too.
  const bool ok = symbols_.reset(plan_.symbols.count) && known_.reset(plan_.symbols.count) &&
                  b.exprs.reset(plan_.exprs.count) && b.expr_status.reset(plan_.exprs.count) &&
                  b.buffer_bytes.reset(plan_.buffers.count) &&
                  b.places.reset(plan_.buffers.count + program_.nodes) &&
                  b.offsets.reset(plan_.values.count) && b.tensors.reset(plan_.values.count) &&
                  b.calls.reset(program_.nodes) && b.operands.reset(operands) &&
                  b.attrs.reset(attrs) && b.numbers.reset(numbers + 1);
  return ok ? Code::ok : fail(Code::out_of_memory, __LINE__);
}

const int64_t* input_dims(const void* context, uint32_t input, uint32_t* rank) {
  const auto& io = *static_cast<const Array<Io>*>(context);
  if (input >= io.size() || io[input].kind != 0) return nullptr;
  *rank = io[input].rank;
  return io[input].shape;
}

bool input_number(const void* context, uint32_t input, int64_t* value) {
  const auto& io = *static_cast<const Array<Io>*>(context);
  if (input >= io.size() || io[input].kind == 0) return false;
  *value = io[input].integer;
  return true;
}

// Binds the program's symbols in order, then evaluates every expression that they suffice for.
Code Binder::symbols() {
  ExprInputs inputs = {symbols_.data(), known_.data(), plan_.symbols.count,
                       input_dims,      input_number,  &io_};
  for (uint32_t i = 0; i < plan_.symbols.count; ++i) {
    const SymbolRecord& symbol = plan_.symbols[i];
    if (symbol.program != index_) continue;
    const ExprRecord& expr = plan_.exprs[symbol.definition];
    Slot value;
    if (evaluate(plan_.code.data + expr.first, expr.count, inputs, &value) != Eval::ok) {
      return fail(Code::plan_invalid, __LINE__, i);
    }
    if (value.i < symbol.min || value.i > symbol.max) {
      return fail(Code::size_out_of_range, __LINE__, value.i, 0, static_cast<int>(i));
    }
    symbols_[i] = value.i;
    known_[i] = true;
  }
  for (uint32_t i = 0; i < plan_.exprs.count; ++i) {
    const ExprRecord& expr = plan_.exprs[i];
    binding_.expr_status[i] =
        evaluate(plan_.code.data + expr.first, expr.count, inputs, &binding_.exprs[i]);
  }
  return Code::ok;
}

Code Binder::input_shapes() {
  for (uint32_t i = 0; i < program_.inputs; ++i) {
    const IoRecord& record = plan_.io[program_.first_io + i];
    if (record.kind != IoKind::tensor) continue;
    const ValueRecord& value = plan_.values[record.ref];
    for (uint32_t axis = 0; axis < value.rank; ++axis) {
      int64_t expected = 0;
      REQUIRE(integer(plan_.refs[value.refs + axis], &expected), record.ref);
      if (io_[i].shape[axis] != expected) {
        return fail(Code::size_mismatch, __LINE__, io_[i].shape[axis], expected,
                    static_cast<int>(i), static_cast<int>(axis));
      }
    }
  }
  return Code::ok;
}

Code Binder::guards() {
  for (uint32_t i = 0; i < program_.guards; ++i) {
    int64_t holds = 0;
    REQUIRE(integer(plan_.refs[program_.first_guard + i], &holds), i);
    if (holds == 0) return fail(Code::guard_failed, __LINE__, 0, 0, static_cast<int>(i));
  }
  return Code::ok;
}

// Outputs that are numbers.
Code Binder::numbers() {
  for (uint32_t i = program_.inputs; i < program_.inputs + program_.outputs; ++i) {
    const IoRecord& record = plan_.io[program_.first_io + i];
    if (record.kind == IoKind::tensor) continue;
    REQUIRE(binding_.expr_status[record.ref] == Eval::ok, record.ref);
  }
  return Code::ok;
}

Code Binder::buffers() {
  for (uint32_t i = 0; i < plan_.buffers.count; ++i) {
    const BufferRecord& buffer = plan_.buffers[i];
    int64_t& bytes = binding_.buffer_bytes[i];
    bytes = static_cast<int64_t>(buffer.bytes);
    if (buffer.kind == BufferKind::state) bytes = session_.state_bytes[i];
    if (buffer.kind != BufferKind::arena || buffer.owner != index_) continue;
    REQUIRE(integer(static_cast<uint32_t>(buffer.bytes), &bytes), i);
    REQUIRE(bytes >= 0 && bytes <= kMaxBytes, i);
    binding_.places[i].bytes = bytes;
  }
  return Code::ok;
}

// Whether every element lies inside the buffer.
Code Binder::extent(uint32_t value, const Tensor& t, int64_t offset) {
  const int64_t room = binding_.buffer_bytes[plan_.values[value].buffer];
  if (t.layout == Layout::panel8) {
    const int64_t groups = plan_.values[value].groups;
    REQUIRE(offset == 0 && t.shape[0] > 0 && t.numel > 0 && t.shape[0] % groups == 0, value);
    const int64_t depth = t.numel / t.shape[0];
    const int64_t padded = (t.shape[0] / groups + 7) / 8 * 8 * groups;
    int64_t bytes = 0;
    REQUIRE(!__builtin_mul_overflow(padded, depth, &bytes) && bytes < kMaxElements, value);
    REQUIRE(bytes * size_of(t.dtype) <= room, value);
    return Code::ok;
  }
  if (t.numel == 0) return Code::ok;
  int64_t last = offset;
  for (int axis = 0; axis < t.rank; ++axis) {
    int64_t reach = 0;
    REQUIRE(t.stride[axis] >= 0, value);
    REQUIRE(!__builtin_mul_overflow(t.shape[axis] - 1, t.stride[axis], &reach), value);
    REQUIRE(!__builtin_add_overflow(last, reach, &last) && last < kMaxElements, value);
  }
  REQUIRE(offset >= 0 && (last + 1) * size_of(t.dtype) <= room, value);
  return Code::ok;
}

Code Binder::tensor(uint32_t value) {
  const ValueRecord& record = plan_.values[value];
  Tensor& t = binding_.tensors[value];
  t.dtype = static_cast<DType>(record.dtype);
  t.layout = static_cast<Layout>(record.layout);
  t.groups = record.groups;
  t.numel = 1;
  t.rank = record.rank;
  for (int axis = 0; axis < record.rank; ++axis) {
    REQUIRE(integer(plan_.refs[record.refs + axis], &t.shape[axis]), value);
    REQUIRE(integer(plan_.refs[record.refs + record.rank + axis], &t.stride[axis]), value);
    REQUIRE(t.shape[axis] >= 0 && t.shape[axis] < kMaxElements, value);
    REQUIRE(!__builtin_mul_overflow(t.numel, t.shape[axis], &t.numel), value);
    REQUIRE(t.numel < kMaxElements, value);
  }
  int64_t offset = 0;
  REQUIRE(integer(record.offset, &offset), value);
  TRY(extent(value, t, offset));
  binding_.offsets[value] = t.numel == 0 ? 0 : offset * size_of(t.dtype);
  return Code::ok;
}

// Resolves a value the first time it is named (rank -1 marks what is not resolved yet).
Code Binder::use(uint32_t value) {
  return binding_.tensors[value].rank >= 0 ? Code::ok : tensor(value);
}

Code Binder::tensors() {
  for (Tensor& t : binding_.tensors) t.rank = -1;
  const uint32_t ports = program_.inputs + program_.outputs;
  for (uint32_t i = 0; i < ports; ++i) {
    const IoRecord& record = plan_.io[program_.first_io + i];
    if (record.kind != IoKind::tensor) continue;
    TRY(use(record.ref));
    REQUIRE(binding_.tensors[record.ref].contiguous(), record.ref);
  }
  for (uint32_t n = 0; n < program_.nodes; ++n) {
    const NodeRecord& node = plan_.nodes[program_.first_node + n];
    for (uint32_t i = 0; i < node.inputs + node.outputs; ++i) {
      const uint32_t value = plan_.refs[node.refs + i];
      if (value != kAbsent) TRY(use(value));
    }
  }
  return Code::ok;
}

// Values of a node's attributes; dtypes and choices must be ones that exist.
Code Binder::attributes(const NodeRecord& node, uint32_t first, uint32_t* number) {
  const OpSpec& spec = plan_.spec(node);
  for (uint32_t a = 0; a < node.attrs; ++a) {
    const AttrRecord& record = plan_.attrs[node.first_attr + a];
    Slot* slots = binding_.numbers.data() + *number;
    for (uint32_t i = 0; i < record.count; ++i) {
      const uint32_t expr = plan_.refs[record.refs + i];
      REQUIRE(binding_.expr_status[expr] == Eval::ok, expr);
      slots[i] = binding_.exprs[expr];
    }
    if (spec.attrs[a].kind == AttrKind::dtype) REQUIRE(slots->i >= 0 && slots->i < kDTypes, a);
    if (spec.attrs[a].kind == AttrKind::choice) {
      REQUIRE(slots->i >= 0 && slots->i < static_cast<int64_t>(spec.attrs[a].choices), a);
    }
    binding_.attrs[first + a] = {&slots->i, &slots->f, record.count};
    *number += record.count;
  }
  return Code::ok;
}

Code Binder::operands(uint32_t n, Call& call, const Tensor** operand) {
  const NodeRecord& node = plan_.nodes[n];
  const OpSpec& spec = plan_.spec(node);
  for (uint32_t i = 0; i < node.inputs + node.outputs; ++i) {
    const uint32_t value = plan_.refs[node.refs + i];
    operand[i] = value == kAbsent ? nullptr : &binding_.tensors[value];
    if (value == kAbsent) continue;
    const bool input = i < node.inputs;
    const OperandSpec& wanted =
        input ? spec.inputs[i < spec.n_in ? i : spec.n_in - 1] : spec.outputs[i - node.inputs];
    if ((layout_bits(*operand[i]) & wanted.layouts) == 0) {
      return fail(Code::plan_invalid, __LINE__, value, 0, static_cast<int>(i), static_cast<int>(n));
    }
  }
  call.in_ = operand;
  call.out_ = operand + node.inputs;
  call.n_in = node.inputs;
  call.n_out = node.outputs;
  call.n_attr = node.attrs;
  call.node = static_cast<int32_t>(n);
  call.failure = &session_.failure;
  return Code::ok;
}

// Room for what the kernel's check asked for, while the node runs.
Code Binder::scratch(const Call& call, uint32_t index) {
  const int64_t shared = call.scratch_bytes, each = call.worker_bytes;
  REQUIRE(shared >= 0 && shared <= kMaxBytes && each >= 0 && each <= kMaxBytes, index);
  const bool none = shared == 0 && each == 0;
  const auto node = static_cast<int32_t>(index);
  binding_.places[plan_.buffers.count + index] = {none ? 0 : shared + 64 + each * binding_.workers,
                                                  node, node, 0};
  return Code::ok;
}

Code Binder::nodes() {
  uint32_t operand = 0, attr = 0, number = 0;
  for (uint32_t i = 0; i < program_.nodes; ++i) {
    const uint32_t n = program_.first_node + i;
    const NodeRecord& node = plan_.nodes[n];
    Call& call = binding_.calls[i];
    TRY(attributes(node, attr, &number));
    TRY(operands(n, call, binding_.operands.data() + operand));
    call.attrs_ = binding_.attrs.data() + attr;
    operand += node.inputs + node.outputs;
    attr += node.attrs;
    TRY(plan_.spec(node).kernel->check(call));
    TRY(scratch(call, i));
  }
  return Code::ok;
}

void Binder::touch(uint32_t value, int32_t node) {
  Placement& place = binding_.places[plan_.values[value].buffer];
  if (place.last < place.first) place.first = node;
  if (node > place.last) place.last = node;
}

// Inputs live from before the first node, outputs until after the last.
Code Binder::lifetimes() {
  for (uint32_t i = 0; i < program_.inputs; ++i) {
    const IoRecord& record = plan_.io[program_.first_io + i];
    if (record.kind == IoKind::tensor) touch(record.ref, -1);
  }
  for (uint32_t n = 0; n < program_.nodes; ++n) {
    const NodeRecord& node = plan_.nodes[program_.first_node + n];
    for (uint32_t i = 0; i < node.inputs + node.outputs; ++i) {
      const uint32_t value = plan_.refs[node.refs + i];
      if (value != kAbsent) touch(value, static_cast<int32_t>(n));
    }
  }
  for (uint32_t i = program_.inputs; i < program_.inputs + program_.outputs; ++i) {
    const IoRecord& record = plan_.io[program_.first_io + i];
    if (record.kind == IoKind::tensor) touch(record.ref, static_cast<int32_t>(program_.nodes));
  }
  for (uint32_t i = 0; i < plan_.buffers.count; ++i) {
    if (plan_.buffers[i].kind != BufferKind::arena) binding_.places[i] = Placement{};
  }
  binding_.arena_bytes = place(binding_.places);
  return binding_.arena_bytes < 0 ? fail(Code::out_of_memory, __LINE__) : Code::ok;
}

Code Binder::make() {
  binding_.program = index_;
  binding_.base = nullptr;
  binding_.workers = pool::workers();
  TRY(allocate());
  TRY(symbols());
  TRY(input_shapes());
  TRY(guards());
  TRY(numbers());
  TRY(buffers());
  TRY(tensors());
  TRY(nodes());
  return lifetimes();
}

#undef TRY
#undef REQUIRE

}  // namespace

Code make_binding(Session& session, uint32_t program, Binding* binding) {
  return Binder(session, program, *binding).make();
}

}  // namespace wtw
