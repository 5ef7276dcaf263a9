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

// The arena: its size, and the most bytes that live at one node, below which no placement gets.
struct Extent {
  int64_t bytes = 0;
  int64_t bound = 0;
};

// Greedy: one buffer after the other at the lowest offset where it overlaps no placed buffer that
// lives at the same time. The largest go first (Pisarchyk and Lee, "Efficient memory management for
// deep neural net inference", 2020); where that is above the bound, those with most bytes times
// nodes, if it is better. False when memory for planning ran out or the size is absurd.
bool place(Array<Placement>& buffers, Extent* extent);

}  // namespace wtw
