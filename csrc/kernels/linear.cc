// linear: input (..., K) with rows of any stride, weight (N, K), bias (N) in; (..., N) out.
#include "kernels/gemm.h"
#include "kernels/linear_rows.h"

namespace wtw {
namespace {

using namespace gemm;
namespace op = op::linear;

Code check(Call& call) {
  const Tensor &x = call.in(op::input_), &w = call.in(op::weight_), &y = call.out();
  WTW_CHECK(x.rank >= 1 && w.rank == 2 && y.rank == x.rank);
  WTW_CHECK(x.size(-1) == w.size(1) && y.size(-1) == w.size(0));
  WTW_CHECK(std::equal(x.shape, x.shape + x.rank - 1, y.shape));
  WTW_CHECK(w.layout != Layout::panel8 || w.groups == 1);
  if (call.has(op::bias_)) {
    WTW_CHECK(call.in(op::bias_).rank == 1 && call.in(op::bias_).size(0) == w.size(0));
  }
  if (call.has(op::residual_)) WTW_CHECK(same_shape(call.in(op::residual_), y));
  if (w.layout != Layout::panel8 && y.numel > 0) {
    call.need_scratch(packed_bytes(w.size(0), w.size(1)));
  }
  return Code::ok;
}

Code run(Call& call) {
  const Tensor &x = call.in(op::input_), &w = call.in(op::weight_), &y = call.out();
  if (y.numel == 0) return Code::ok;
  const int64_t n = w.size(0), k = w.size(1);
  const float* panels = w.as<float>();
  if (w.layout != Layout::panel8) {
    float* packed = reinterpret_cast<float*>(call.scratch());
    pack(1, n, k, packed, [&](int64_t) { return Matrix{w.as<float>(), k, 1}; });
    panels = packed;
  }
  const Epilogue epilogue = epilogue_of(call, op::bias_, op::activation_, op::low_, op::high_);
  const float* residual = call.has(op::residual_) ? call.in(op::residual_).as<float>() : nullptr;
  const Rows rows = {x.as<float>(), rows_of(x), y.numel / n, panels, y.as<float>(), residual};
  const Product product = {n, k, k, epilogue};
  const Blocking cut = blocking(tiles_of(rows.m), panels_of(n), k);
  pool::parallel(cut.chunks(), [&](int64_t chunk, int) { run_rows(product, cut, chunk, rows); });
  return Code::ok;
}

}  // namespace

WTW_KERNEL(linear, check, run);

}  // namespace wtw
