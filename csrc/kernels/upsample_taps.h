// The taps of a resized axis: which input positions an output position is the weighted sum of.
#pragma once

#include <cstdint>

#include "kernels/upsample.h"

namespace wtw::upsample {

enum class Filter : uint8_t { linear, cubic };

// How positions are computed. Rounding decides on which pixels far positions fall, and PyTorch
// computes them in float32 for float32 images.
struct Sampling {
  Filter filter;
  bool antialias;  // the filter is as wide as what an output position stands for
  bool single;     // in float32
  bool fixed;      // weights are whole numbers of 16 bits, by a power of 2: for 8-bit images
};

// Room for `most` taps of each output position, of which the first count[o] are used.
struct Taps {
  int64_t most;
  int64_t *count, *index;
  double* weight;

  static int64_t bytes(int64_t out, int64_t most) { return out * (most * 16 + 8); }
  Taps(std::byte* memory, int64_t out, int64_t most)
      : most(most),
        count(reinterpret_cast<int64_t*>(memory)),
        index(count + out),
        weight(reinterpret_cast<double*>(index + out * most)) {}
};

int64_t most_taps(const Axis& axis, const Sampling& sampling);

void find_taps(const Axis& axis, const Sampling& sampling, const Taps& taps);

}  // namespace wtw::upsample
