// scaled_dot_product_attention: queries (B, H, T, D), keys (B, K, S, D), values (B, K, S, E) and a
// mask that broadcasts to (B, H, T, S) in; (B, T, H, E) out.
#include "kernels/attention.h"

#include <cstring>

#include "ops.h"

namespace wtw {
namespace {

using attention::Sizes;
namespace op = op::scaled_dot_product_attention;

bool mask_fits(const Tensor& mask, const Sizes& s) {
  const int64_t shape[4] = {s.batch, s.heads, s.queries, s.keys};
  if (mask.rank > 4) return false;
  for (int axis = 0; axis < mask.rank; ++axis) {
    if (mask.shape[axis] != 1 && mask.shape[axis] != shape[4 - mask.rank + axis]) return false;
  }
  return true;
}

Code check(Call& call) {
  const Tensor &q = call.in(op::query_), &k = call.in(op::key_), &v = call.in(op::value_);
  WTW_CHECK(q.rank == 4 && k.rank == 4 && v.rank == 4);
  const Sizes s(call);
  WTW_CHECK(has_shape(k, {s.batch, s.key_heads, s.keys, s.depth}));
  WTW_CHECK(has_shape(v, {s.batch, s.key_heads, s.keys, s.width}));
  WTW_CHECK(has_shape(call.out(), {s.batch, s.queries, s.heads, s.width}));
  if (call.has(op::attn_mask_)) WTW_CHECK(mask_fits(call.in(op::attn_mask_), s));
  if (call.out().numel == 0) return Code::ok;
  WTW_CHECK(s.key_heads > 0 && s.heads % s.key_heads == 0);
  WTW_CHECK(call.flag(op::enable_gqa_) || s.heads == s.key_heads);
  const bool streams = attention::streams(call, s);
  constexpr int64_t kBytes = sizeof(float);
  call.need_scratch(streams ? 0 : attention::packed_floats(s) * kBytes);
  call.need_worker_scratch((streams ? attention::streaming_floats(s) : attention::score_floats(s)) *
                           kBytes);
  return Code::ok;
}

Code run(Call& call) {
  if (call.out().numel == 0) return Code::ok;
  const Sizes s(call);
  if (s.keys == 0) {
    std::memset(call.out().data, 0, call.out().numel * sizeof(float));
  } else if (attention::streams(call, s)) {
    attention::run_streaming(call, s);
  } else {
    attention::run_packed(call, s);
  }
  return Code::ok;
}

}  // namespace

WTW_KERNEL(scaled_dot_product_attention, check, run);

}  // namespace wtw
