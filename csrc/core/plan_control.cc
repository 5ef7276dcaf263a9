// Control nodes: how their regions nest, where each goes on, which nodes have run before which, and
// what has been written when some of them did not run.
#include <algorithm>
#include <array>

#include "core/plan_checker.h"
#include "core/written.h"

namespace wtw {
namespace {

// A region that is open: its first node, and its `otherwise` or `test`.
struct Open {
  uint32_t first;
  uint32_t middle = kAbsent;
};

struct Regions {
  const Checker& checker;
  std::array<Open, kMaxDepth> open{};
  uint32_t depth = 0;
  uint32_t loops = 0;

  Control kind(uint32_t node) const { return checker.plan.nodes[node].control; }
  // What the nodes of a part do is known until its end; in the parts inside it, until theirs.
  void close_part(uint32_t first, uint32_t end) const {
    for (uint32_t n = first; n < end; ++n) {
      uint32_t& until = checker.plan.flow[n].until;
      if (until == kAbsent) until = end;
    }
  }
  Code begin(uint32_t node);
  Code middle(uint32_t node, Control first);
  Code end(uint32_t node);
  Code step(uint32_t node);
};

Code Regions::begin(uint32_t node) {
  WTW_REQUIRE(checker, depth < kMaxDepth, depth);
  open[depth++] = {node};
  return Code::ok;
}

// What a test needs runs before each round, so always; what a choice makes in its first part, not.
Code Regions::middle(uint32_t node, Control first) {
  WTW_REQUIRE(checker, depth > 0, node);
  Open& region = open[depth - 1];
  WTW_REQUIRE(checker, kind(region.first) == first && region.middle == kAbsent, node);
  region.middle = node;
  if (first == Control::choose) {
    close_part(region.first + 1, node);
    checker.plan.flow[region.first].jump = node + 1;
  }
  return Code::ok;
}

Code Regions::end(uint32_t node) {
  WTW_REQUIRE(checker, depth > 0 && open[depth - 1].middle != kAbsent, node);
  Plan& plan = checker.plan;
  const Open& region = open[--depth];
  close_part(region.middle + 1, node);
  if (kind(region.first) == Control::choose) {
    plan.flow[region.middle].jump = plan.flow[node].jump = node + 1;
    return Code::ok;
  }
  plan.flow[region.middle].jump = node + 1;
  plan.flow[node].jump = region.first;
  WTW_REQUIRE(checker, loops++ < kMaxLoops, node);
  return Code::ok;
}

Code Regions::step(uint32_t node) {
  switch (kind(node)) {
    case Control::none:
      return Code::ok;
    case Control::otherwise:
      return middle(node, Control::choose);
    case Control::test:
      return middle(node, Control::repeat);
    case Control::end:
      return end(node);
    default:
      return begin(node);
  }
}

}  // namespace

Code check_control(const Checker& checker) {
  Plan& plan = checker.plan;
  bool any = false;
  for (uint32_t n = 0; n < plan.nodes.count; ++n) any |= plan.nodes[n].control != Control::none;
  if (!any) return Code::ok;
  if (!plan.flow.reset(plan.nodes.count)) return checker.fail(Code::out_of_memory, __LINE__);
  Regions regions{checker};
  for (uint32_t n = 0; n < plan.nodes.count; ++n) WTW_TRY(regions.step(n));
  WTW_REQUIRE(checker, regions.depth == 0, regions.open[0].first);
  return Code::ok;
}

bool Written::reset(const Plan& plan, const ProgramRecord& program) {
  size_t most = 0;
  for (uint32_t n = 0; n < program.nodes; ++n) most += plan.nodes[program.first_node + n].outputs;
  return cells_.reset(std::max<size_t>(most, plan.buffers.count));
}

void Written::write(uint32_t buffer) {
  if (cells_[buffer].written) return;
  cells_[buffer].written = true;
  if (depth_ > 0) cells_[logged_++].logged = buffer;
}

bool Written::enter(Control control) {
  if (control == Control::none) return true;
  if (control == Control::choose || control == Control::repeat) {
    parts_[depth_++] = {logged_, logged_, control == Control::repeat};
    return true;
  }
  if (depth_ == 0) return false;
  Part& part = parts_[depth_ - 1];
  if (control == Control::end) {
    --depth_;
    part.is_loop ? forget(part.middle) : join(part);
    return true;
  }
  part.middle = logged_;
  if (!part.is_loop) unwrite(part.first, part.middle);
  return true;
}

void Written::unwrite(size_t first, size_t end) {
  for (size_t i = first; i < end; ++i) cells_[cells_[i].logged].written = false;
}

// What a loop's rounds write need not have been written: there may be none.
void Written::forget(size_t first) {
  unwrite(first, logged_);
  logged_ = first;
}

// Written is what both parts of a choice have written.
void Written::join(const Part& part) {
  for (size_t i = part.first; i < part.middle; ++i) cells_[cells_[i].logged].both = true;
  for (size_t i = part.middle; i < logged_; ++i) {
    Cell& cell = cells_[cells_[i].logged];
    cell.written = cell.both;
  }
  for (size_t i = part.first; i < part.middle; ++i) cells_[cells_[i].logged].both = false;
  size_t kept = part.first;
  for (size_t i = part.middle; i < logged_; ++i) {
    const uint32_t buffer = cells_[i].logged;
    if (cells_[buffer].written) cells_[kept++].logged = buffer;
  }
  logged_ = kept;
}

}  // namespace wtw
