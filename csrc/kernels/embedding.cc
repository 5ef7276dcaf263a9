// A table (rows, width) and row numbers in, those rows out; class numbers in, one-hot rows out.
#include <algorithm>
#include <cstring>

#include "core/kernel.h"
#include "kernels/axis.h"
#include "kernels/indices.h"
#include "kernels/odometer.h"
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
WTW_KERNEL(one_hot, check_one_hot, run_one_hot);

}  // namespace wtw
