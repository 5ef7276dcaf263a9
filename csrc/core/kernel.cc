// Failures of kernels: the first one wins, from whichever thread.
#include "core/kernel.h"

namespace wtw {

Code Call::fail(Code code, int line, int operand, int64_t given, int64_t allowed) {
  uint32_t expected = static_cast<uint32_t>(Code::ok);
  auto* slot = reinterpret_cast<uint32_t*>(&failure->code);
  if (__atomic_compare_exchange_n(slot, &expected, static_cast<uint32_t>(code), false,
                                  __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
    failure->node = node;
    failure->operand = operand;
    failure->line = line;
    failure->given = given;
    failure->allowed = allowed;
  }
  return code;
}

}  // namespace wtw
