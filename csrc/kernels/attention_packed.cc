// Many queries: keys and values are packed once, then each tile of queries is finished for itself.
//
// A tile is some queries of one head: their scores, softmax with the division left for the end, and
// the product with the values. The scale is in the packed keys.
#include "kernels/attention.h"
#include "kernels/gemm.h"
#include "ops.h"

namespace wtw::attention {
namespace {

using namespace gemm;
namespace op = op::scaled_dot_product_attention;

constexpr int64_t kChunkFlops = 500'000;    // about 10 us
constexpr int64_t kChunkPacked = 32 << 10;  // floats: about 5 us

int64_t packed_keys(const Sizes& s) { return packed_size(s.keys, s.depth); }
int64_t packed_values(const Sizes& s) { return packed_size(s.width, s.keys); }

class Tiles {
 public:
  Tiles(const Call& call, const Sizes& s, const float* keys, const float* values)
      : q_(call.in(op::query_)),
        out_(call.out()),
        s_(s),
        softmax_(call),
        keys_(keys),
        values_(values) {}

  // Tile `tile` of head `head`, counted over the batch.
  void run(int64_t head, int64_t tile, float* scores) const {
    const int64_t first = first_row(tile, s_.queries), last = first_row(tile + 1, s_.queries);
    const int64_t b = head / s_.heads, h = head % s_.heads, rows = last - first;
    const int64_t seen = s_.seen(last), key_head = b * s_.key_heads + h / s_.group();
    const float* q = q_.as<float>() + b * q_.stride[0] + h * q_.stride[1] + first * q_.stride[2];
    float* out = out_.as<float>() + ((b * s_.queries + first) * s_.heads + h) * s_.width;
    const int64_t pitch = s_.pitch(), out_stride = s_.heads * s_.width;

    multiply({pitch, s_.depth, s_.depth, {}}, q, q_.stride[2], keys_ + key_head * packed_keys(s_),
             rows, panels_of(seen), scores, pitch);
    float inverse[kMostRows];
    for (int64_t r = 0; r < rows; ++r) {
      inverse[r] = softmax_.row(scores + r * pitch, s_.seen(first + r + 1), Sizes::padded(seen),
                                {b, h, first + r});
    }
    multiply({s_.width, s_.keys, seen, {}}, scores, pitch, values_ + key_head * packed_values(s_),
             rows, panels_of(s_.width), out, out_stride);
    for (int64_t r = 0; r < rows; ++r) scale_row(out + r * out_stride, s_.width, inverse[r]);
  }

 private:
  static void multiply(const Product& product, const float* left, int64_t left_stride,
                       const float* weights, int64_t rows, int64_t panels, float* out,
                       int64_t out_stride) {
    Tap tap;
    for (int64_t r = 0; r < rows; ++r) tap.row[r] = left + r * left_stride;
    tap.weights = weights;
    run_tile(product, {&tap, 1, rows, out, out_stride, nullptr}, 0, panels);
  }

  const Tensor &q_, &out_;
  const Sizes& s_;
  const Softmax softmax_;
  const float *keys_, *values_;
};

// Where head `head`, counted over the batch, begins.
const float* head_of(const Tensor& t, int64_t head) {
  const int64_t heads = t.size(1);
  return t.as<float>() + head / heads * t.stride[0] + head % heads * t.stride[1];
}

void pack_keys(const Tensor& k, const Sizes& s, int64_t head, float* panels) {
  const Matrix from = {head_of(k, head), k.stride[2], k.stride[3]};
  for (int64_t p = 0; p < panels_of(s.keys); ++p) pack_panel(from, s.keys, s.depth, p, panels);
  scale_row(panels, packed_keys(s), s.scale);
}

// Reads each row of the values once, where it is whole and fills whole panels.
void pack_values(const Tensor& v, const Sizes& s, int64_t head, float* panels) {
  const float* from = head_of(v, head);
  if (!v.rows() || s.width % kPanel != 0) {
    const Matrix matrix = {from, v.stride[3], v.stride[2]};
    for (int64_t p = 0; p < panels_of(s.width); ++p) pack_panel(matrix, s.width, s.keys, p, panels);
    return;
  }
  const int64_t panel = s.keys * kPanel;
  for (int64_t key = 0; key < s.keys; ++key, from += v.stride[2], panels += kPanel) {
    float* to = panels;
    for (int64_t i = 0; i < s.width; i += kPanel, to += panel) {
      simd::store(to, simd::load(from + i));
      simd::store(to + 4, simd::load(from + i + 4));
    }
  }
}

// Head by head: the keys, then the values.
void pack_all(const Call& call, const Sizes& s, float* keys, float* values) {
  const int64_t heads = s.batch * s.key_heads, each = s.keys * (s.depth + s.width);
  parallel_ranges(2 * heads, kChunkPacked / (each + 1), [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t head = i / 2;
      if (i % 2 == 0) {
        pack_keys(call.in(op::key_), s, head, keys + head * packed_keys(s));
      } else {
        pack_values(call.in(op::value_), s, head, values + head * packed_values(s));
      }
    }
  });
}

}  // namespace

int64_t packed_floats(const Sizes& s) {
  return s.batch * s.key_heads * (packed_keys(s) + packed_values(s));
}

int64_t score_floats(const Sizes& s) { return tile_rows * s.pitch(); }

void run_packed(const Call& call, const Sizes& s) {
  float* keys = reinterpret_cast<float*>(call.scratch());
  float* values = keys + s.batch * s.key_heads * packed_keys(s);
  pack_all(call, s, keys, values);
  const Tiles tiles(call, s, keys, values);
  const int64_t each = tiles_of(s.queries);
  const int64_t flops = 2 * tile_rows * s.keys * (s.depth + s.width) + 1;
  parallel_ranges(s.batch * s.heads * each, kChunkFlops / flops,
                  [&](int64_t begin, int64_t end, int worker) {
                    float* scores = reinterpret_cast<float*>(call.worker_scratch(worker));
                    for (int64_t i = begin; i < end; ++i) tiles.run(i / each, i % each, scores);
                  });
}

}  // namespace wtw::attention
