// What recurrent layers compute from a panel of packed weights (ops/recurrent.py has the format).
//
// One panel yields all gates of a few hidden units in eight vectors at most, so that a step ends
// in registers: product, gates, new state.
#pragma once

#include <cstdint>

#include "core/simd.h"

namespace wtw::recurrent {

// One panel of one row of the batch at one step: hidden units that lie next to each other.
struct Step {
  const float* before;  // the whole hidden state, of the weights' depth
  const float* gates;   // of the first unit; the gates lie `stride` apart, those of `bias` too
  const float* bias;    // may be null
  int64_t stride;
  const float* old;  // hidden state of these units
  float* cell;       // the LSTM's, of these units
  float* after;      // new hidden state of these units
};

// How panels of `units` hidden units with so many gates each become the units' new state, in two
// steps around the product: what it is added to (eight vectors), and what follows from its sums.
struct Cell {
  int64_t gates, units;
  void (*start)(const Step& step, simd::f32x4* sums);
  void (*finish)(const Step& step, simd::f32x4* sums);

  int64_t panels(int64_t hidden) const { return (hidden + units - 1) / units; }
  int64_t width() const { return gates * units; }
};

extern const Cell kLstm, kGru, kTanh, kRelu;
// A product with packed weights and nothing else (an LSTM's projection); takes no gates.
extern const Cell kProduct;

inline constexpr int64_t kRows = 6;  // of the batch that share a pass over a panel

// Applies a panel with weights (depth, gates * units), of which the first `count` units exist, to
// 1 to kRows rows of the batch.
void apply_panel(const Cell& cell, const Step* steps, int64_t rows, const float* weight,
                 int64_t depth, int64_t count);

}  // namespace wtw::recurrent
