// expand_depthwise_conv2d: images (N, I, H, W), expansion (C, 1, 1, I), weights (KH, KW, C) in;
// (N, C, OH, OW) out.
//
// By bands of output rows: the part of the expanded image that a band sees is computed into a
// buffer, which stays in the second-level cache, where the whole image would go to memory and back.
// Bands compute the rows that they share anew.
#include <algorithm>

#include "kernels/conv.h"
#include "kernels/depthwise.h"
#include "kernels/gemm.h"

namespace wtw {
namespace {

using conv::Geometry;
namespace op = op::expand_depthwise_conv2d;

struct Memo {
  Geometry g;  // of the depthwise convolution
  int64_t depth, rows;

  int64_t bands() const { return ceil_div(g.y.out, rows); }
};

// Rows [first, last) of the expanded image that output rows [begin, end) of the same image see.
struct Seen {
  int64_t first, last;

  Seen(const conv::Axis& y, int64_t begin, int64_t end)
      : first(std::clamp<int64_t>(begin * y.stride - y.before, 0, y.in)),
        last(std::clamp((end - 1) * y.stride - y.before + y.extent(), first, y.in)) {}
};

Code check(Call& call) {
  const Tensor &x = call.in(op::input_), &e = call.in(op::expansion_), &w = call.in(op::weight_);
  const bool packed = e.layout == Layout::panel8;
  Memo& memo = call.memo<Memo>();
  Geometry& g = memo.g;
  WTW_CHECK(x.rank == 4 && e.rank == 4 && w.rank == 3);
  WTW_CHECK(e.size(1) == 1 && e.size(2) == 1 && e.size(3) == x.size(1));
  WTW_CHECK(!packed || e.groups == 1);
  Tensor expanded = x;
  expanded.shape[1] = e.size(0);
  WTW_CHECK(conv::read(
      expanded, call.out(),
      {call.integers(op::stride_), call.integers(op::padding_), call.integers(op::dilation_)},
      w.size(0), w.size(1), 1, &g));
  WTW_CHECK(w.size(2) == g.channels && g.out_channels == g.channels && conv::output_fits(g));
  WTW_CHECK(conv::bias_fits(call, op::expansion_bias_, g.channels));
  WTW_CHECK(conv::bias_fits(call, op::bias_, g.channels));
  WTW_CHECK(call.integer(op::rows_) >= 1);
  memo.rows = std::min(call.integer(op::rows_), g.y.out);
  memo.depth = x.size(1);
  if (call.out().numel == 0) return Code::ok;
  WTW_CHECK(e.numel > 0);
  const int64_t seen = std::min((memo.rows - 1) * g.y.stride + g.y.extent(), g.y.in);
  const int64_t floats = conv::elements({seen, g.x.in, g.channels});
  WTW_CHECK(floats >= 0);
  if (!packed) call.need_scratch(gemm::packed_bytes(g.channels, memo.depth));
  call.need_worker_scratch(floats * int64_t{sizeof(float)});
  return Code::ok;
}

// Rows of the expanded image, from that of `image` on.
void expand(const gemm::Product& product, const float* image, const float* panels, int64_t pixels,
            float* out) {
  if (pixels == 0) return;
  const gemm::Blocking cut =
      gemm::blocking(gemm::tiles_of(pixels), gemm::panels_of(product.n), product.k);
  gemm::Rows rows = {image, {}, pixels, panels, out, nullptr};
  rows.offsets.add(pixels, {product.k});
  for (int64_t chunk = 0; chunk < cut.chunks(); ++chunk) {
    gemm::run_rows(product, cut, chunk, rows);
  }
}

Code run(Call& call) {
  const Tensor &x = call.in(op::input_), &e = call.in(op::expansion_);
  if (call.out().numel == 0) return Code::ok;
  const Memo& memo = call.memo<Memo>();
  const Geometry& g = memo.g;
  const int64_t depth = memo.depth;
  const float* panels = e.as<float>();
  if (e.layout != Layout::panel8) {
    float* packed = reinterpret_cast<float*>(call.scratch());
    gemm::pack(1, g.channels, depth, packed,
               [&](int64_t) { return gemm::Matrix{e.as<float>(), depth, 1}; });
    panels = packed;
  }
  const auto epilogue = [&](int bias) {
    return epilogue_of(call, bias, op::activation_, op::low_, op::high_);
  };
  const gemm::Product product = {g.channels, depth, depth, epilogue(op::expansion_bias_)};
  const conv::Operands data = {.image = nullptr,
                               .weights = call.in(op::weight_).as<float>(),
                               .out = call.out().as<float>(),
                               .residual = nullptr};
  const depthwise::Work all(g, data, epilogue(op::bias_));
  pool::parallel(g.batch * memo.bands(), [&](int64_t chunk, int worker) {
    const int64_t image = chunk / memo.bands(), begin = chunk % memo.bands() * memo.rows;
    const int64_t end = std::min(begin + memo.rows, g.y.out);
    const Seen seen(g.y, begin, end);
    float* buffer = reinterpret_cast<float*>(call.worker_scratch(worker));
    depthwise::Work work = all;
    work.data.image = buffer;
    work.first_row = image * g.y.in + seen.first;
    expand(product, x.as<float>() + work.first_row * g.x.in * depth, panels,
           (seen.last - seen.first) * g.x.in, buffer);
    depthwise::run_rows(work, image * g.y.out + begin, image * g.y.out + end);
  });
  return Code::ok;
}

}  // namespace

WTW_KERNEL(expand_depthwise_conv2d, check, run);

}  // namespace wtw
