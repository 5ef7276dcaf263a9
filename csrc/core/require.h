// Shorthand of checks: leaves a function that returns a Code. `context` has a fail() that records
// the code, the line and a number of the caller's choice, and returns the code.
#pragma once

#define WTW_REQUIRE(context, condition, given)                                          \
  do {                                                                                  \
    if (!(condition)) {                                                                 \
      return (context).fail(Code::plan_invalid, __LINE__, static_cast<int64_t>(given)); \
    }                                                                                   \
  } while (false)

#define WTW_TRY(call)                    \
  do {                                   \
    const Code code_ = (call);           \
    if (code_ != Code::ok) return code_; \
  } while (false)
