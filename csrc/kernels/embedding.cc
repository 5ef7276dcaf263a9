// A table (rows, width), of floats or of integers with a scale each row, and row numbers in, those
// rows out; class numbers in, one-hot rows out.
#include <algorithm>
#include <cstring>

#include "core/kernel.h"
#include "kernels/axis.h"
#include "kernels/indices.h"
#include "kernels/int8.h"
#include "kernels/odometer.h"
#include "kernels/rows.h"
#include "kernels/strided_copy.h"
#include "ops.h"

namespace wtw {
namespace {

constexpr int64_t kBytesPerChunk = 512 << 10;  // about 20 us

// body(i, number) for each number of the indices, i counting in logical order; every number lies
// in [0, bound).
template <class F>
Code for_each_index(Call& call, int operand, int64_t bound, int64_t grain, F&& body) {
  const Tensor& indices = call.in(operand);
  Odometer<1> all;
  for (int i = 0; i < indices.rank; ++i) all.add(indices.shape[i], {indices.stride[i]});
  parallel_ranges(indices.numel, grain, [&](int64_t begin, int64_t end, int) {
    Odometer<1> at = all;
    at.seek(begin);
    for (int64_t i = begin; i < end; ++i, at.next()) {
      const int64_t number = index_at(indices, at[0]);
      if (number < 0 || number >= bound) {
        call.fail(Code::index_out_of_range, __LINE__, operand, number, bound);
        return;
      }
      body(i, number);
    }
  });
  return call.status();
}

// The output has the indices' shape and one more axis of this size.
bool appends_axis(const Tensor& out, const Tensor& indices, int64_t size) {
  if (out.rank != indices.rank + 1 || out.shape[indices.rank] != size) return false;
  return std::equal(indices.shape, indices.shape + indices.rank, out.shape);
}

Code check_embedding(Call& call) {
  namespace o = op::embedding;
  const Tensor& weight = call.in(o::weight_);
  WTW_CHECK(weight.rank == 2 && weight.dtype == call.out().dtype);
  WTW_CHECK(appends_axis(call.out(), call.in(o::indices_), weight.shape[1]));
  return Code::ok;
}

Code run_embedding(Call& call) {
  namespace o = op::embedding;
  const Tensor& weight = call.in(o::weight_);
  const Tensor& out = call.out();
  if (out.numel == 0) return Code::ok;
  const int64_t width = weight.shape[1], item = size_of(weight.dtype), bytes = width * item;
  const bool packed = weight.layout == Layout::panel8;  // [rows / 8][width][8]
  const Line copy = copy_line(item);
  return for_each_index(
      call, o::indices_, weight.shape[0], kBytesPerChunk / bytes, [&](int64_t i, int64_t row) {
        const int64_t first = packed ? row / 8 * 8 * width + row % 8 : row * width;
        copy(out.data + i * bytes, 1, weight.data + first * item, packed ? 8 : 1, width);
      });
}

Code check_quantized_embedding(Call& call) {
  namespace o = op::quantized_embedding;
  const int64_t rows = call.integer(o::rows_), width = call.integer(o::width_);
  WTW_CHECK(rows >= 1 && width >= 1);
  const int64_t panels = ceil_div(rows, int8::kColumns), steps = ceil_div(width, int8::kDepth);
  WTW_CHECK(has_shape(call.in(o::weight_), {panels, steps, int8::kColumns, int8::kDepth}));
  WTW_CHECK(has_shape(call.in(o::scale_), {panels * int8::kColumns}));
  WTW_CHECK(appends_axis(call.out(), call.in(o::indices_), width));
  return Code::ok;
}

// A row lies in one panel: four of its numbers in each step.
void expand_row(const int8_t* row, float scale, float* out, int64_t width) {
  const simd::f32x4 factor = simd::splat(scale);
  for (int64_t i = 0; i < width; i += int8::kDepth, row += int8::kStep) {
    const v128_t i16 = wasm_i16x8_extend_low_i8x16(wasm_v128_load32_zero(row));
    const simd::f32x4 whole = wasm_f32x4_convert_i32x4(wasm_i32x4_extend_low_i16x8(i16));
    const simd::f32x4 y = simd::mul(whole, factor);
    width - i >= 4 ? simd::store(out + i, y) : rows::store_part(out + i, y, width - i);
  }
}

Code run_quantized_embedding(Call& call) {
  namespace o = op::quantized_embedding;
  const Tensor& out = call.out();
  const int8_t* weight = call.in(o::weight_).as<int8_t>();
  const float* scale = call.in(o::scale_).as<float>();
  const int64_t width = call.integer(o::width_);
  const int64_t panel = ceil_div(width, int8::kDepth) * int8::kStep;
  return for_each_index(
      call, o::indices_, call.integer(o::rows_), kBytesPerChunk / (width * 4),
      [&](int64_t i, int64_t row) {
        const int64_t first = row / int8::kColumns * panel + row % int8::kColumns * int8::kDepth;
        expand_row(weight + first, scale[row], out.as<float>() + i * width, width);
      });
}

Code check_one_hot(Call& call) {
  namespace o = op::one_hot;
  WTW_CHECK(appends_axis(call.out(), call.in(o::self_), call.integer(o::num_classes_)));
  return Code::ok;
}

Code run_one_hot(Call& call) {
  namespace o = op::one_hot;
  const Tensor& out = call.out();
  if (out.numel == 0) return Code::ok;
  const int64_t classes = call.integer(o::num_classes_);
  std::memset(out.data, 0, out.numel * sizeof(int64_t));
  return for_each_index(call, o::self_, classes, out.numel, [&](int64_t i, int64_t number) {
    out.as<int64_t>()[i * classes + number] = 1;
  });
}

}  // namespace

WTW_KERNEL(embedding, check_embedding, run_embedding);
WTW_KERNEL(quantized_embedding, check_quantized_embedding, run_quantized_embedding);
WTW_KERNEL(one_hot, check_one_hot, run_one_hot);

}  // namespace wtw
