// scaled_dot_product_attention: queries (B, H, T, D), keys (B, K, S, D), values (B, K, S, E) and a
// mask that broadcasts to (B, H, T, S) in; (B, T, H, E) out. Head h reads key head h / (H / K).
//
// Keys and values are packed once. A chunk is a block of queries of one head: all its scores,
// softmax with the division left for the end, then the product with the values.
#include <cstring>

#include "core/vmath.h"
#include "kernels/gemm.h"
#include "kernels/rows.h"

namespace wtw {
namespace {

using namespace gemm;
using simd::f32x4;
namespace op = op::scaled_dot_product_attention;

constexpr float kInfinity = __builtin_inff();
constexpr int64_t kBlock = 48;       // queries of a chunk
constexpr int64_t kLongKeys = 2048;  // beyond, half as many

struct Sizes {
  int64_t batch, heads, queries, depth, key_heads, keys, width;

  explicit Sizes(const Call& call)
      : batch(call.in(op::query_).size(0)),
        heads(call.in(op::query_).size(1)),
        queries(call.in(op::query_).size(2)),
        depth(call.in(op::query_).size(3)),
        key_heads(call.in(op::key_).size(1)),
        keys(call.in(op::key_).size(2)),
        width(call.in(op::value_).size(3)) {}
  int64_t block() const { return keys > kLongKeys ? kBlock / 2 : kBlock; }
  int64_t scores() const { return panels_of(keys) * kPanel; }  // floats of a row of scores
  int64_t packed_keys() const { return packed_size(keys, depth); }
  int64_t packed_values() const { return packed_size(width, keys); }
};

// The mask at one place of (B, H, T): broadcast axes have step 0.
struct Mask {
  const Tensor* tensor = nullptr;
  int64_t step[4] = {};

  explicit Mask(const Call& call) {
    if (!call.has(op::attn_mask_)) return;
    tensor = &call.in(op::attn_mask_);
    for (int axis = 0; axis < tensor->rank; ++axis) {
      const bool broadcast = tensor->shape[axis] == 1;
      step[4 - tensor->rank + axis] = broadcast ? 0 : tensor->stride[axis];
    }
  }
  int64_t offset(int64_t b, int64_t h, int64_t t) const {
    return b * step[0] + h * step[1] + t * step[2];
  }
};

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
  const int64_t packed = s.batch * s.key_heads * (s.packed_keys() + s.packed_values());
  call.need_scratch(packed * int64_t{sizeof(float)});
  call.need_worker_scratch(s.block() * s.scores() * int64_t{sizeof(float)});
  return Code::ok;
}

// ---- softmax of one row of scores ----

f32x4 load_bools(const uint8_t* p) {
  const v128_t bytes = wasm_v128_load32_zero(p);
  const v128_t words = wasm_u32x4_extend_low_u16x8(wasm_u16x8_extend_low_u8x16(bytes));
  return wasm_i32x4_ne(words, simd::splat(0));
}

void keep_where(float* row, const uint8_t* mask, int64_t step, int64_t n) {
  int64_t i = 0;
  for (; step == 1 && i + 4 <= n; i += 4) {
    const f32x4 kept =
        simd::select(load_bools(mask + i), simd::load(row + i), simd::splat(-kInfinity));
    simd::store(row + i, kept);
  }
#pragma clang loop vectorize(disable) unroll(disable)
  for (; i < n; ++i) row[i] = mask[i * step] ? row[i] : -kInfinity;
}

void add_mask(float* row, const float* mask, int64_t step, int64_t n) {
  int64_t i = 0;
  for (; step == 1 && i + 4 <= n; i += 4) {
    simd::store(row + i, simd::add(simd::load(row + i), simd::load(mask + i)));
  }
#pragma clang loop vectorize(disable) unroll(disable)
  for (; i < n; ++i) row[i] += mask[i * step];
}

// e^(row - max); gives 1 / sum. A row that is -inf throughout is masked: zeros, as in PyTorch.
float exponentials(float* row, int64_t n) {
  const float max = rows::max_fast(row, n);
  if (max == -kInfinity && rows::sum(row, n) == -kInfinity) {  // the sum tells NaN from -inf
    std::memset(row, 0, n * sizeof(float));
    return 0;
  }
  rows::map(row, row, n,
            [top = simd::splat(max)](f32x4 x) { return simd::exp(simd::sub(x, top)); });
  return static_cast<float>(1 / rows::sum(row, n));
}

// ---- one block of queries ----

class Block {
 public:
  Block(const Call& call, const Sizes& s, const Mask& mask, const float* keys, const float* values)
      : call_(call), s_(s), mask_(mask), keys_(keys), values_(values) {}

  void run(int64_t chunk, float* scores) {
    const int64_t blocks = ceil_div(s_.queries, s_.block());
    head_ = chunk / blocks % s_.heads;
    batch_ = chunk / blocks / s_.heads;
    first_ = chunk % blocks * s_.block();
    rows_ = std::min(s_.block(), s_.queries - first_);
    // No query of the block sees a key beyond.
    seen_ = call_.flag(op::is_causal_) ? std::min(s_.keys, first_ + rows_) : s_.keys;
    multiply_keys(scores);
    float inverse[kBlock];
    for (int64_t r = 0; r < rows_; ++r) inverse[r] = softmax(scores + r * s_.scores(), first_ + r);
    multiply_values(scores);
    for (int64_t r = 0; r < rows_; ++r) {
      rows::map(out(r), out(r), s_.width,
                [by = simd::splat(inverse[r])](f32x4 x) { return simd::mul(x, by); });
    }
  }

 private:
  int64_t key_head() const { return batch_ * s_.key_heads + head_ / (s_.heads / s_.key_heads); }
  float* out(int64_t row) const {
    const int64_t at = (batch_ * s_.queries + first_ + row) * s_.heads + head_;
    return call_.out().as<float>() + at * s_.width;
  }

  void multiply_keys(float* scores) const {
    const Tensor& q = call_.in(op::query_);
    const int64_t start = batch_ * q.stride[0] + head_ * q.stride[1] + first_ * q.stride[2];
    const float* panels = keys_ + key_head() * s_.packed_keys();
    multiply({s_.scores(), s_.depth, s_.depth, {}}, panels_of(seen_), q.as<float>() + start,
             q.stride[2], panels, scores, s_.scores());
  }

  void multiply_values(const float* scores) const {
    const float* panels = values_ + key_head() * s_.packed_values();
    multiply({s_.width, s_.keys, seen_, {}}, panels_of(s_.width), scores, s_.scores(), panels,
             out(0), s_.heads * s_.width);
  }

  void multiply(const Product& product, int64_t panels, const float* left, int64_t left_stride,
                const float* weights, float* to, int64_t stride) const {
    for (int64_t t = 0; t < tiles_of(rows_); ++t) {
      const int64_t first = first_row(t, rows_), count = first_row(t + 1, rows_) - first;
      Tap tap;
      for (int64_t r = 0; r < count; ++r) tap.row[r] = left + (first + r) * left_stride;
      tap.weights = weights;
      run_tile(product, {&tap, 1, count, to + first * stride, stride, nullptr}, 0, panels);
    }
  }

  // Turns scores into e^(score - max), zero where masked; gives 1 / sum.
  float softmax(float* row, int64_t query) const {
    const int64_t n = call_.flag(op::is_causal_) ? std::min(seen_, query + 1) : seen_;
    const float scale = static_cast<float>(call_.real(op::scale_));
    rows::map(row, row, n, [by = simd::splat(scale)](f32x4 x) { return simd::mul(x, by); });
    if (mask_.tensor) {
      const int64_t at = mask_.offset(batch_, head_, query);
      if (mask_.tensor->dtype == DType::boolean) {
        keep_where(row, mask_.tensor->as<uint8_t>() + at, mask_.step[3], n);
      } else {
        add_mask(row, mask_.tensor->as<float>() + at, mask_.step[3], n);
      }
    }
    std::memset(row + n, 0, (seen_ - n) * sizeof(float));
    return exponentials(row, n);
  }

  const Call& call_;
  const Sizes& s_;
  const Mask& mask_;
  const float* keys_;
  const float* values_;
  int64_t batch_ = 0, head_ = 0, first_ = 0, rows_ = 0, seen_ = 0;
};

Code run(Call& call) {
  if (call.out().numel == 0) return Code::ok;
  const Sizes s(call);
  if (s.keys == 0) {
    std::memset(call.out().data, 0, call.out().numel * sizeof(float));
    return Code::ok;
  }
  const Mask mask(call);
  const Tensor &k = call.in(op::key_), &v = call.in(op::value_);
  float* keys = reinterpret_cast<float*>(call.scratch());
  float* values = keys + s.batch * s.key_heads * s.packed_keys();
  const auto matrix = [&](const Tensor& t, int64_t i) {
    return t.as<float>() + i / s.key_heads * t.stride[0] + i % s.key_heads * t.stride[1];
  };
  pack(s.batch * s.key_heads, s.keys, s.depth, keys,
       [&](int64_t i) { return Matrix{matrix(k, i), k.stride[2], k.stride[3]}; });
  pack(s.batch * s.key_heads, s.width, s.keys, values,
       [&](int64_t i) { return Matrix{matrix(v, i), v.stride[3], v.stride[2]}; });
  const int64_t blocks = ceil_div(s.queries, s.block());
  pool::parallel(s.batch * s.heads * blocks, [&](int64_t chunk, int worker) {
    Block block(call, s, mask, keys, values);
    block.run(chunk, reinterpret_cast<float*>(call.worker_scratch(worker)));
  });
  return Code::ok;
}

}  // namespace

WTW_KERNEL(scaled_dot_product_attention, check, run);

}  // namespace wtw
