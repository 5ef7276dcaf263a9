// Bytes of each buffer, when it lives, and where it lies in the arena.
#include <algorithm>

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

// What is live at the border of a loop is so in all of it: the next round reads it, or what comes
// after the last one. What lives inside is written before it is read in each round.
void extend_over_loops(const Binder& binder) {
  const uint32_t begin = binder.program.first_node;
  for (uint32_t n = 0; n < binder.program.nodes; ++n) {  // an inner loop ends before the outer
    if (!binder.plan.ends_loop(begin + n)) continue;
    const auto first = static_cast<int32_t>(binder.plan.flow[begin + n].jump - begin);
    const auto last = static_cast<int32_t>(n);
    for (uint32_t i = 0; i < binder.plan.buffers.count; ++i) {
      Placement& place = binder.binding.places[i];
      const bool outside = place.last < first || place.first > last;
      if (outside || place.last < place.first) continue;
      if (place.first >= first && place.last <= last) continue;
      place.first = std::min(place.first, first);
      place.last = std::max(place.last, last);
    }
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
  extend_over_loops(binder);
  for (uint32_t i = 0; i < plan.buffers.count; ++i) {
    if (plan.buffers[i].kind != BufferKind::arena) binding.places[i] = Placement{};
  }
  const bool placed = place(binding.places, &binding.arena);
  return placed ? Code::ok : binder.fail(Code::out_of_memory, __LINE__);
}

}  // namespace wtw
