// Arithmetic on single elements of any dtype, for operators that write where indices say.
#pragma once

#include "kernels/strided_copy.h"

namespace wtw {

enum class Combine { sum, prod, amin, amax };

// Whether a dtype can be combined: integers, float32 and float64.
bool combines(DType dtype);

// *to = combine(*to, *from). Integers wrap; NaN wins amin and amax.
void combine(Combine how, DType dtype, std::byte* to, const std::byte* from);

// to[i * to_step] += from[i * from_step] for i < n.
Line add_line(DType dtype);

// data[i] /= counts[i] + extra where counts[i] > 0; integers are rounded down.
void divide_by_counts(DType dtype, std::byte* data, const int32_t* counts, int64_t n, int extra);

}  // namespace wtw
