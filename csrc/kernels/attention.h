// What both ways of computing attention share: sizes, mask and softmax.
#pragma once

#include <algorithm>

#include "core/kernel.h"
#include "kernels/axis.h"

namespace wtw::attention {

// Queries (B, H, T, D), keys (B, K, S, D) and values (B, K, S, E); head h reads h / (H / K).
struct Sizes {
  int64_t batch, heads, queries, depth, key_heads, keys, width;
  bool causal;  // query t sees keys 0 to t
  float scale;

  explicit Sizes(const Call& call);
  int64_t group() const { return heads / key_heads; }  // heads that share keys and values
  // Keys that the first `queries` queries see.
  int64_t seen(int64_t queries) const { return causal ? std::min(keys, queries) : keys; }
  // Room for a row of scores: whole vectors of softmax, whole panels.
  int64_t pitch() const { return padded(keys); }
  static constexpr int64_t padded(int64_t n) { return ceil_div(n, 8) * 8; }
};

// Where a row of scores belongs.
struct Place {
  int64_t batch, head, query;
};

class Softmax {
 public:
  explicit Softmax(const Call& call);

  // Scores of the first n keys become e^(score - max), those behind, up to `room`, 0; `room` is a
  // multiple of 8. Gives 1 / sum; where all keys are masked 0 if `safe`, else infinity, whose
  // product with these zeros is NaN.
  float row(float* scores, int64_t n, int64_t room, const Place& place) const;

 private:
  void apply_mask(float* scores, int64_t n, const Place& place) const;

  const Tensor* mask_ = nullptr;
  const float fill_;  // for scores where a mask of bools is false
  const bool safe_;
  int64_t step_[4] = {};  // of the mask along (B, H, T, S); 0 where it is broadcast
};

void scale_row(float* row, int64_t n, float by);

// A few queries: keys and values are read once, where they lie.
bool streams(const Call& call, const Sizes& s);
int64_t streaming_floats(const Sizes& s);  // of each worker
void run_streaming(const Call& call, const Sizes& s);

// Many queries: keys and values are packed.
int64_t packed_floats(const Sizes& s);  // for all workers
int64_t score_floats(const Sizes& s);   // of each worker
void run_packed(const Call& call, const Sizes& s);

}  // namespace wtw::attention
