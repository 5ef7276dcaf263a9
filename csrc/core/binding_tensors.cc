// Shapes, strides and offsets of the values that a program names; every element lies inside its
// buffer.
#include <cstring>

#include "core/binder.h"

namespace wtw {
namespace {

Code inside_buffer(const Binder& binder, uint32_t value, const Tensor& t, int64_t offset) {
  if (t.layout == Layout::panel8) {
    WTW_REQUIRE(binder, offset == 0 && t.numel > 0 && t.shape[0] % t.groups == 0, value);
  }
  if (t.numel == 0) return Code::ok;
  const int64_t span = t.span();
  const int64_t room = binder.binding.buffer_bytes[binder.plan.values[value].buffer];
  WTW_REQUIRE(binder, span >= 0, value);
  WTW_REQUIRE(binder, offset >= 0 && offset < kMaxElements, value);
  WTW_REQUIRE(binder, (offset + span) * size_of(t.dtype) <= room, value);
  return Code::ok;
}

}  // namespace

Code bind_tensor(const Binder& binder, uint32_t value) {
  const Plan& plan = binder.plan;
  const ValueRecord& record = plan.values[value];
  Tensor& t = binder.binding.tensors[value];
  t.dtype = static_cast<DType>(record.dtype);
  t.layout = static_cast<Layout>(record.layout);
  t.groups = record.groups;
  t.numel = 1;
  t.rank = record.rank;
  for (int axis = 0; axis < record.rank; ++axis) {
    const uint32_t size = plan.refs[record.refs + axis];
    const uint32_t stride = plan.refs[record.refs + record.rank + axis];
    WTW_REQUIRE(binder, binder.integer(size, &t.shape[axis]), value);
    WTW_REQUIRE(binder, binder.integer(stride, &t.stride[axis]), value);
    WTW_REQUIRE(binder, t.shape[axis] >= 0 && t.shape[axis] < kMaxElements, value);
    WTW_REQUIRE(binder, !__builtin_mul_overflow(t.numel, t.shape[axis], &t.numel), value);
    WTW_REQUIRE(binder, t.numel < kMaxElements, value);
  }
  int64_t offset = 0;
  WTW_REQUIRE(binder, binder.integer(record.offset, &offset), value);
  WTW_TRY(inside_buffer(binder, value, t, offset));
  if (t.numel == 0) std::memset(t.stride, 0, sizeof(t.stride));  // of no use, and of any size
  binder.binding.offsets[value] = t.numel == 0 ? 0 : offset * size_of(t.dtype);
  return Code::ok;
}

// Resolves a value the first time it is named, where it is known.
static Code use(const Binder& binder, uint32_t value) {
  const bool done = binder.binding.tensors[value].rank >= 0 || binder.plan.after_value(value) >= 0;
  return done ? Code::ok : bind_tensor(binder, value);
}

Code check_ports(const Binder& binder, int32_t after) {
  const ProgramRecord& program = binder.program;
  for (uint32_t i = 0; i < program.inputs + program.outputs; ++i) {
    const IoRecord& port = binder.plan.io[program.first_io + i];
    if (port.kind != IoKind::tensor || binder.plan.after_value(port.ref) != after) continue;
    WTW_REQUIRE(binder, binder.binding.tensors[port.ref].contiguous(), port.ref);
  }
  return Code::ok;
}

Code bind_tensors(const Binder& binder) {
  const Plan& plan = binder.plan;
  const ProgramRecord& program = binder.program;
  for (Tensor& t : binder.binding.tensors) t.rank = -1;
  for (uint32_t i = 0; i < program.inputs + program.outputs; ++i) {
    const IoRecord& port = plan.io[program.first_io + i];
    if (port.kind != IoKind::tensor) continue;
    WTW_TRY(use(binder, port.ref));
  }
  WTW_TRY(check_ports(binder, -1));
  for (uint32_t n = 0; n < program.nodes; ++n) {
    const NodeRecord& node = plan.nodes[program.first_node + n];
    for (uint32_t i = 0; i < node.inputs + node.outputs; ++i) {
      const uint32_t value = plan.refs[node.refs + i];
      if (value != kAbsent) WTW_TRY(use(binder, value));
    }
  }
  return Code::ok;
}

}  // namespace wtw
