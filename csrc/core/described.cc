// What a host believes of a program in, whether the plan says the same out.
#include "core/session.h"

namespace wtw {
namespace {

// Words that the host has, one after another, against those of the plan.
struct Words {
  const uint32_t* next;
  bool same = true;

  void expect(uint32_t word) { same = *next++ == word && same; }
};

void expect_port(const Plan& plan, const IoRecord& port, Words& words) {
  words.expect(static_cast<uint32_t>(port.kind));
  const bool is_tensor = port.kind == IoKind::tensor;
  words.expect(is_tensor ? plan.values[port.ref].dtype : 0);
  words.expect(is_tensor ? plan.values[port.ref].rank : 0);
}

}  // namespace

Code described(Session& session, uint32_t program, const uint32_t* words, size_t count) {
  const Plan& plan = session.model->plan;
  const ProgramRecord& record = plan.programs[program];
  const uint32_t ports = record.inputs + record.outputs;
  session.failure = {Code::manifest_invalid, -1, -1, __LINE__, static_cast<int64_t>(count), 0};
  if (count != kDescribed + size_t{kDescribedPort} * ports) return Code::manifest_invalid;
  Words given{words};
  for (const uint32_t word :
       {record.nodes, plan.symbols.count, record.guards, record.inputs, record.outputs}) {
    given.expect(word);
  }
  for (uint32_t i = 0; i < ports; ++i) expect_port(plan, plan.io[record.first_io + i], given);
  return given.same ? Code::ok : Code::manifest_invalid;
}

}  // namespace wtw
