// softmax: e^x over the sum of e^x along one axis, or its logarithm.
//
// Memory is (outer, size, inner). With inner 1 each row is done for itself; otherwise a tile of up
// to 64 neighbouring columns, every lane a softmax of its own. Tiles, and rows of 16-bit floats,
// are worked on as float32 in scratch memory: there columns lie close together, and fill whole
// vectors. float64 is done in scalars.
#include <cmath>

#include "core/convert.h"
#include "core/kernel.h"
#include "core/vmath.h"
#include "kernels/axis.h"
#include "kernels/rows.h"
#include "ops.h"

namespace wtw {
namespace {

using simd::f32x4;

constexpr int64_t kTile = 64;         // columns
constexpr int64_t kGrain = 32 << 10;  // elements of a chunk
constexpr float kInfinity = __builtin_inff();

struct Mode {
  bool log, safe;
};

// All of a row whose largest number is -inf: masked, unless a NaN hid from the comparison.
bool all_masked(const float* x, int64_t n) {
  return std::all_of(x, x + n, [](float v) { return v == -kInfinity; });
}

// The sum of e^(x - shift); y, if any, takes the terms. Blocks keep the sums short and exact.
float sum_exp(const float* x, float* y, int64_t n, f32x4 shift) {
  constexpr int64_t block = 256;
  const auto term = [shift](f32x4 v) { return simd::exp(simd::sub(v, shift)); };
  const int64_t whole = n & ~int64_t{3};
  f32x4 total = simd::splat(0);
  for (int64_t first = 0; first < whole; first += block) {
    const int64_t end = std::min(whole, first + block);
    f32x4 sum = simd::splat(0);
    const auto take = [&](int64_t i, f32x4 e) {
      sum = simd::add(sum, e);
      if (y != nullptr) simd::store(y + i, e);
    };
    int64_t i = first;
    for (; i + 8 <= end; i += 8) {  // loads of constants bound the loop: two vectors share them
      const f32x4 low = term(simd::load(x + i)), high = term(simd::load(x + i + 4));
      take(i, low);
      take(i + 4, high);
    }
    if (i < end) take(i, term(simd::load(x + i)));
    total = simd::add(total, sum);
  }
  if (whole < n) {
    f32x4 e = term(rows::load_part(x + whole, n - whole, -kInfinity));
    total = simd::add(total, e);
    if (y != nullptr) rows::store_part(y + whole, e, n - whole);
  }
  return simd::sum(total);
}

void softmax_row(const float* x, float* y, int64_t n, Mode mode) {
  const float top = rows::max_fast(x, n);
  if (mode.safe && top == -kInfinity && all_masked(x, n)) {
    std::fill(y, y + n, 0.0f);
    return;
  }
  const f32x4 shift = simd::splat(top);
  const float total = sum_exp(x, mode.log ? nullptr : y, n, shift);
  if (mode.log) {
    const f32x4 log_total = simd::splat(std::log(total));
    rows::map(x, y, n, [&](f32x4 v) { return simd::sub(simd::sub(v, shift), log_total); });
  } else {
    const f32x4 scale = simd::splat(1 / total);
    rows::map(y, y, n, [&](f32x4 v) { return simd::mul(v, scale); });
  }
}

// Four columns in place; rows are `pitch` floats apart.
void softmax_lanes(float* x, int64_t n, int64_t pitch, Mode mode) {
  f32x4 top = simd::splat(-kInfinity), nan = simd::splat(0), total = simd::splat(0);
  for (int64_t i = 0; i < n; ++i) {
    f32x4 v = simd::load(x + i * pitch);
    nan = wasm_v128_or(nan, wasm_f32x4_ne(v, v));
    top = simd::max_fast(top, v);
  }
  f32x4 masked = wasm_v128_andnot(wasm_f32x4_eq(top, simd::splat(-kInfinity)), nan);
  for (int64_t i = 0; i < n; ++i) {
    f32x4 v = simd::sub(simd::load(x + i * pitch), top), e = simd::exp(v);
    total = simd::add(total, e);
    simd::store(x + i * pitch, mode.log ? v : e);
  }
  f32x4 last = mode.log ? simd::log(total) : simd::div(simd::splat(1), total);
  for (int64_t i = 0; i < n; ++i) {
    f32x4 v = simd::load(x + i * pitch);
    v = mode.log ? simd::sub(v, last) : simd::mul(v, last);
    simd::store(x + i * pitch, mode.safe ? wasm_v128_andnot(v, masked) : v);
  }
}

[[clang::minsize]] void softmax_double(const double* x, double* y, int64_t n, int64_t pitch,
                                       Mode mode) {
  double top = -kInfinity, total = 0;
  bool masked = mode.safe;
  for (int64_t i = 0; i < n; ++i) {
    top = std::max(top, x[i * pitch]);
    masked &= x[i * pitch] == -kInfinity;
  }
  for (int64_t i = 0; i < n; ++i) total += std::exp(x[i * pitch] - top);
  const double log_total = std::log(total);
  for (int64_t i = 0; i < n; ++i) {
    const double v = x[i * pitch] - top;
    y[i * pitch] = mode.log ? v - log_total : masked ? 0 : std::exp(v) / total;
  }
}

constexpr int64_t whole_vectors(int64_t n) { return (n + 3) & ~int64_t{3}; }

struct Plan {
  Axis axis;
  Mode mode;
  DType dtype;

  bool rows() const { return axis.inner == 1; }
  int64_t tiles() const { return ceil_div(axis.inner, kTile); }
  int64_t scratch_floats() const {
    if (dtype == DType::float64) return 0;
    if (rows()) return dtype == DType::float32 ? 0 : whole_vectors(axis.size);
    return axis.size * whole_vectors(std::min(axis.inner, kTile));
  }
};

// A row or `columns` neighbouring columns by way of scratch memory.
void softmax_in_scratch(const Plan& plan, const std::byte* x, std::byte* y, int64_t columns,
                        float* scratch) {
  const int64_t n = plan.axis.size, row_bytes = plan.axis.inner * size_of(plan.dtype);
  const int64_t count = plan.rows() ? 1 : n, length = plan.rows() ? n : columns;
  const int64_t pitch = whole_vectors(length);
  for (int64_t i = 0; i < count; ++i) {
    float* row = scratch + i * pitch;
    load_as(DType::float32, row, plan.dtype, x + i * row_bytes, length);
    std::fill(row + length, row + pitch, 0.0f);
  }
  if (plan.rows()) {
    softmax_row(scratch, scratch, n, plan.mode);
  } else {
    for (int64_t c = 0; c < pitch; c += 4) softmax_lanes(scratch + c, n, pitch, plan.mode);
  }
  for (int64_t i = 0; i < count; ++i) {
    store_as(plan.dtype, y + i * row_bytes, DType::float32, scratch + i * pitch, length);
  }
}

void softmax_columns(const Plan& plan, const std::byte* x, std::byte* y, int64_t columns,
                     float* scratch) {
  const int64_t n = plan.axis.size;
  if (plan.dtype == DType::float64) {
    const double* from = reinterpret_cast<const double*>(x);
    double* to = reinterpret_cast<double*>(y);
    for (int64_t c = 0; c < columns; ++c) {
      softmax_double(from + c, to + c, n, plan.axis.inner, plan.mode);
    }
  } else if (plan.dtype == DType::float32 && plan.rows()) {
    softmax_row(reinterpret_cast<const float*>(x), reinterpret_cast<float*>(y), n, plan.mode);
  } else {
    softmax_in_scratch(plan, x, y, columns, scratch);
  }
}

Code check(Call& call) {
  const Tensor &x = call.in(op::softmax::input_), &y = call.out();
  const int64_t dim = call.integer(op::softmax::dim_);
  WTW_CHECK(is_axis(x, dim) && same_layout(x, y) && x.dtype == y.dtype);
  const Mode mode{call.flag(op::softmax::log_), call.flag(op::softmax::safe_)};
  if (x.numel == 0) return Code::ok;
  const Plan plan = {axis_of(x, dim), mode, x.dtype};
  call.memo<Plan>() = plan;
  call.need_worker_scratch(plan.scratch_floats() * static_cast<int64_t>(sizeof(float)));
  return Code::ok;
}

Code run(Call& call) {
  const Tensor &x = call.in(op::softmax::input_), &y = call.out();
  if (x.numel == 0) return Code::ok;
  const Plan plan = call.memo<Plan>();
  const auto [outer, n, inner] = plan.axis;
  const int64_t tiles = plan.tiles(), grain = kGrain / (n * std::min(inner, kTile));
  parallel_ranges(outer * tiles, grain, [&](int64_t begin, int64_t end, int worker) {
    float* scratch = reinterpret_cast<float*>(call.worker_scratch(worker));
    for (int64_t i = begin; i < end; ++i) {
      const int64_t column = i % tiles * kTile;
      const int64_t at = (i / tiles * n * inner + column) * size_of(plan.dtype);
      const int64_t columns = std::min(kTile, inner - column);
      softmax_columns(plan, x.data + at, y.data + at, columns, scratch);
    }
  });
  return Code::ok;
}

}  // namespace

WTW_KERNEL(softmax, check, run);

}  // namespace wtw
