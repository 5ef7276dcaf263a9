// Places buffers with known lifetimes into one arena.
#pragma once

#include <cstdint>

#include "core/array.h"

namespace wtw {

struct Placement {
  int64_t bytes = 0;
  int32_t first = 0;   // node that writes it first; -1 for inputs
  int32_t last = -2;   // node that reads it last; below `first`: never used, takes no room
  int64_t offset = 0;  // the result, a multiple of 64
};

// Greedy by size: the largest first, each at the lowest offset where it overlaps no placed buffer
// that lives at the same time (Pisarchyk and Lee, "Efficient memory management for deep neural net
// inference", 2020). Gives the size of the arena, or -1 when memory for planning ran out or
// the size is absurd.
int64_t place(Array<Placement>& buffers);

}  // namespace wtw
