// plan.bin in, a plan whose indices may be followed blindly out, or the reason to refuse it.
#include "core/plan.h"

#include "core/plan_checker.h"

namespace wtw {

Code Checker::fail(Code code, int line, int64_t given) const {
  failure.code = code;
  failure.line = line;
  failure.given = given;
  return code;
}

bool Checker::is_expr(uint32_t index, bool is_float) const {
  return index < plan.exprs.count && (plan.exprs[index].is_float != 0) == is_float;
}

bool Checker::are_exprs(uint32_t first, uint32_t n, bool is_float) const {
  if (!plan.refs.holds(first, n)) return false;
  for (uint32_t i = 0; i < n; ++i) {
    if (!is_expr(plan.refs[first + i], is_float)) return false;
  }
  return true;
}

Code parse(const void* bytes, size_t size, size_t weights_bytes, Plan* plan, Failure* failure) {
  *failure = Failure{};
  plan->weights_bytes = weights_bytes;
  const Checker checker{*plan, *failure};
  WTW_TRY(check_header(checker, static_cast<const std::byte*>(bytes), size));
  WTW_TRY(check_records(checker));
  WTW_TRY(check_nodes(checker));
  WTW_TRY(check_control(checker));
  WTW_TRY(check_programs(checker));
  return check_decisions(checker);
}

}  // namespace wtw
