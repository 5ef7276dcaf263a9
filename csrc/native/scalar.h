// Read before every source of the scalar build (-include): SIMDe's vectors are arrays, its
// intrinsics loops over lanes, which the compiler leaves as they are.
#pragma once

#define SIMDE_ENABLE_NATIVE_ALIASES  // as core/simd.h has it
#define SIMDE_NO_NATIVE
#define SIMDE_NO_VECTOR
#include <simde/simde-common.h>
#undef SIMDE_VECTORIZE
#define SIMDE_VECTORIZE
// Whether there is __builtin_shufflevector: SIMDe would use it, on arrays too.
#undef HEDLEY_HAS_BUILTIN
#define HEDLEY_HAS_BUILTIN(builtin) 0
