// Bytes of each buffer, when it lives, and where it lies in the arena.
#include "core/binder.h"

namespace wtw {
namespace {

void touch(const Binder& binder, uint32_t value, int32_t node) {
  Placement& place = binder.binding.places[binder.plan.values[value].buffer];
  if (place.last < place.first) place.first = node;
  if (node > place.last) place.last = node;
}

void touch_ports(const Binder& binder, uint32_t first, uint32_t count, int32_t node) {
  for (uint32_t i = 0; i < count; ++i) {
    const IoRecord& port = binder.plan.io[binder.program.first_io + first + i];
    if (port.kind == IoKind::tensor) touch(binder, port.ref, node);
  }
}

}  // namespace

Code bind_buffers(const Binder& binder) {
  const Plan& plan = binder.plan;
  for (uint32_t i = 0; i < plan.buffers.count; ++i) {
    const BufferRecord& buffer = plan.buffers[i];
    int64_t& bytes = binder.binding.buffer_bytes[i];
    if (buffer.kind == BufferKind::weight || buffer.kind == BufferKind::prepared) {
      bytes = static_cast<int64_t>(buffer.bytes);
    } else if (buffer.kind == BufferKind::state) {
      bytes = binder.session.state_bytes[i];
    } else if (buffer.owner == binder.index) {
      WTW_REQUIRE(binder, binder.integer(static_cast<uint32_t>(buffer.bytes), &bytes), i);
      WTW_REQUIRE(binder, bytes >= 0 && bytes <= kMaxBytes, i);
      binder.binding.places[i].bytes = bytes;
    }
  }
  return Code::ok;
}

// Inputs live from before the first node, outputs until after the last.
Code bind_arena(const Binder& binder) {
  const Plan& plan = binder.plan;
  const ProgramRecord& program = binder.program;
  Binding& binding = binder.binding;
  touch_ports(binder, 0, program.inputs, -1);
  for (uint32_t n = 0; n < program.nodes; ++n) {
    const NodeRecord& node = plan.nodes[program.first_node + n];
    for (uint32_t i = 0; i < node.inputs + node.outputs; ++i) {
      const uint32_t value = plan.refs[node.refs + i];
      if (value != kAbsent) touch(binder, value, static_cast<int32_t>(n));
    }
  }
  touch_ports(binder, program.inputs, program.outputs, static_cast<int32_t>(program.nodes));
  for (uint32_t i = 0; i < plan.buffers.count; ++i) {
    if (plan.buffers[i].kind != BufferKind::arena) binding.places[i] = Placement{};
  }
  const bool placed = place(binding.places, &binding.arena);
  return placed ? Code::ok : binder.fail(Code::out_of_memory, __LINE__);
}

}  // namespace wtw
