// A few queries, as in decoding with a cache: keys and values are read once, where they lie.
//
// The queries of all heads that share keys are the rows of two products.
#include "kernels/attention.h"
#include "kernels/axis.h"
#include "kernels/few_rows.h"
#include "ops.h"

namespace wtw::attention {
namespace {

namespace op = op::scaled_dot_product_attention;

constexpr int64_t kChunkFloats = 128 << 10;  // of keys and values: about 20 us

constexpr int64_t kMostStreamed = 16;  // of all heads that share keys

int64_t rows_of(const Sizes& s) { return s.group() * s.queries; }

// One head of the keys and values with all its queries.
class Head {
 public:
  Head(const Call& call, const Sizes& s, float* scratch)
      : q_(call.in(op::query_)),
        k_(call.in(op::key_)),
        v_(call.in(op::value_)),
        out_(call.out()),
        s_(s),
        softmax_(call),
        queries_(scratch),
        scores_(scratch + rows_of(s) * s.depth) {}

  void run(int64_t index) {
    batch_ = index / s_.key_heads;
    head_ = index % s_.key_heads;
    const int64_t rows = rows_of(s_), seen = s_.seen(s_.queries), pitch = s_.pitch();
    copy_queries();
    std::fill_n(scores_, rows * pitch, 0.0f);
    few_rows::multiply_transposed(
        {rows, seen, s_.depth, queries_, s_.depth, start(k_), k_.stride[2], scores_, pitch});
    if (s_.queries == 1) return finish(0, rows, s_.width);
    for (int64_t r = 0; r < rows; r += s_.queries) finish(r, s_.queries, s_.heads * s_.width);
  }

 private:
  const float* start(const Tensor& t) const {
    return t.as<float>() + batch_ * t.stride[0] + head_ * t.stride[1];
  }
  Place place(int64_t row) const {
    return {batch_, head_ * s_.group() + row / s_.queries, row % s_.queries};
  }

  // Scaled, one below the other.
  void copy_queries() const {
    for (int64_t r = 0; r < rows_of(s_); ++r) {
      const Place p = place(r);
      const float* from =
          q_.as<float>() + p.batch * q_.stride[0] + p.head * q_.stride[1] + p.query * q_.stride[2];
      float* to = queries_ + r * s_.depth;
      std::copy_n(from, s_.depth, to);
      scale_row(to, s_.depth, s_.scale);
    }
  }

  // Softmax and product with the values of rows whose outputs lie `stride` apart.
  void finish(int64_t first, int64_t rows, int64_t stride) const {
    const int64_t seen = s_.seen(s_.queries), pitch = s_.pitch();
    const Place p = place(first);
    float* out =
        out_.as<float>() + ((p.batch * s_.queries + p.query) * s_.heads + p.head) * s_.width;
    float* scores = scores_ + first * pitch;
    float inverse[kMostStreamed];
    for (int64_t r = 0; r < rows; ++r) {
      const Place at = place(first + r);
      inverse[r] = softmax_.row(scores + r * pitch, s_.seen(at.query + 1), Sizes::padded(seen), at);
      std::fill_n(out + r * stride, s_.width, 0.0f);
    }
    few_rows::multiply({rows, s_.width, seen, scores, pitch, start(v_), v_.stride[2], out, stride});
    for (int64_t r = 0; r < rows; ++r) scale_row(out + r * stride, s_.width, inverse[r]);
  }

  const Tensor &q_, &k_, &v_, &out_;
  const Sizes& s_;
  const Softmax softmax_;
  float *queries_, *scores_;
  int64_t batch_ = 0, head_ = 0;
};

}  // namespace

bool streams(const Call& call, const Sizes& s) {
  return s.queries <= few_rows::kMost && rows_of(s) <= kMostStreamed && call.in(op::key_).rows() &&
         call.in(op::value_).rows();
}

int64_t streaming_floats(const Sizes& s) { return rows_of(s) * (s.depth + s.pitch()); }

void run_streaming(const Call& call, const Sizes& s) {
  const int64_t each = s.keys * (s.depth + s.width) + 1;
  parallel_ranges(s.batch * s.key_heads, kChunkFloats / each,
                  [&](int64_t begin, int64_t end, int worker) {
                    Head head(call, s, reinterpret_cast<float*>(call.worker_scratch(worker)));
                    for (int64_t i = begin; i < end; ++i) head.run(i);
                  });
}

}  // namespace wtw::attention
