// nms: boxes (n, 4) of (x1, y1, x2, y2) and scores (n) in; the indices of those kept, best first,
// padded with zeros to n, and how many they are out.
#include <algorithm>

#include "core/kernel.h"
#include "kernels/axis.h"
#include "ops.h"

namespace wtw {
namespace {

using namespace op::nms;

Code check(Call& call) {
  const Tensor &boxes = call.in(boxes_), &scores = call.in(scores_);
  WTW_CHECK(boxes.rank == 2 && boxes.shape[1] == 4 && boxes.dtype == scores.dtype);
  WTW_CHECK(has_shape(scores, {boxes.shape[0]}));
  WTW_CHECK(has_shape(call.out(), {boxes.shape[0]}) && call.out(1).rank == 0);
  call.need_scratch(boxes.shape[0] * 9);
  return Code::ok;
}

template <class T>
struct Boxes {
  const T* data;

  T area(int64_t i) const {
    const T* b = data + 4 * i;
    return (b[2] - b[0]) * (b[3] - b[1]);
  }
  // Intersection over union.
  T overlap(int64_t i, int64_t j) const {
    const T *a = data + 4 * i, *b = data + 4 * j;
    const T width = std::max(T(0), std::min(a[2], b[2]) - std::max(a[0], b[0]));
    const T height = std::max(T(0), std::min(a[3], b[3]) - std::max(a[1], b[1]));
    const T shared = width * height;
    return shared / (area(i) + area(j) - shared);
  }
};

// Best first, in place: a heap, since library sorts are large. NaN is best of all; equal scores
// stay in order.
template <class T>
void sort_by_score(const T* score, int64_t* order, int64_t n) {
  const auto before = [&](int64_t i, int64_t j) {
    const bool nan = score[i] != score[i], other = score[j] != score[j];
    if (nan != other) return nan;
    return nan || score[i] == score[j] ? i < j : score[i] > score[j];
  };
  const auto sink = [&](int64_t at, int64_t end) {
    for (int64_t child = 2 * at + 1; child < end; child = 2 * at + 1) {
      if (child + 1 < end && before(order[child], order[child + 1])) ++child;
      if (!before(order[at], order[child])) return;
      std::swap(order[at], order[child]);
      at = child;
    }
  };
  for (int64_t i = n / 2; i-- > 0;) sink(i, n);
  for (int64_t end = n; end-- > 1;) {
    std::swap(order[0], order[end]);
    sink(0, end);
  }
}

template <class T>
int64_t keep_best(Call& call, int64_t* order, uint8_t* dropped, int64_t n) {
  const Boxes<T> boxes = {call.in(boxes_).as<T>()};
  const double threshold = call.real(threshold_);
  for (int64_t i = 0; i < n; ++i) order[i] = i;
  std::fill_n(dropped, n, 0);
  sort_by_score(call.in(scores_).as<T>(), order, n);
  int64_t* kept = call.out().as<int64_t>();
  int64_t count = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (dropped[i]) continue;
    kept[count++] = order[i];
    for (int64_t j = i + 1; j < n; ++j) {
      if (!dropped[j]) dropped[j] = double{boxes.overlap(order[i], order[j])} > threshold;
    }
  }
  std::fill(kept + count, kept + n, 0);
  return count;
}

Code run(Call& call) {
  const int64_t n = call.out().numel;
  int64_t* order = reinterpret_cast<int64_t*>(call.scratch());
  uint8_t* dropped = reinterpret_cast<uint8_t*>(order + n);
  const bool single = call.in(boxes_).dtype == DType::float32;
  *call.out(1).as<int64_t>() = n == 0   ? 0
                               : single ? keep_best<float>(call, order, dropped, n)
                                        : keep_best<double>(call, order, dropped, n);
  return Code::ok;
}

}  // namespace

WTW_KERNEL(nms, check, run);

}  // namespace wtw
