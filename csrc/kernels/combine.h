// Arithmetic on single elements of any dtype, for operators that write where indices say.
#pragma once

#include "kernels/fold.h"
#include "kernels/strided_copy.h"

namespace wtw {

// Whether a dtype can be combined: integers, float32 and float64.
bool combines(DType dtype);

// *to = the fold of *to and *from.
void combine(Fold fold, DType dtype, std::byte* to, const std::byte* from);

// to[i * to_step] += from[i * from_step] for i < n.
Line add_line(DType dtype);

// data[i] /= counts[i] + extra where counts[i] > 0; integers are rounded down.
void divide_by_counts(DType dtype, std::byte* data, const int32_t* counts, int64_t n, int extra);

}  // namespace wtw
