// A tensor and index tensors in; the elements they name, or the tensor with those replaced, out.
#include <algorithm>

#include "core/kernel.h"
#include "kernels/axis.h"
#include "kernels/combine.h"
#include "kernels/indices.h"
#include "kernels/odometer.h"
#include "kernels/strided_copy.h"
#include "ops.h"

namespace wtw {
namespace {

constexpr int64_t kBytesPerChunk = 128 * 1024;

// The indexed tensor ("full") has axes that the indices replace and axes that stay. The other one
// ("picked": index's output, index_put's values) has shape (front, indices..., back): the axes that
// stay, with the indices' own axes where the first indexed axis was if all indexed ones are
// neighbours, else in front.
struct Shape {
  int rank = 0, front = 0, kept = 0;
  int64_t size[2 * kMaxRank];
  int keeps[kMaxRank];  // the axes of full that stay
};

// False where `axes` is not an ascending list of axes of full.
bool picked_shape(const Tensor& full, const Tensor& index, std::span<const int64_t> axes,
                  Shape* shape) {
  const int64_t count = static_cast<int64_t>(axes.size());
  if (count == 0 || axes[0] < 0 || axes[count - 1] >= full.rank) return false;
  for (int64_t i = 1; i < count; ++i) {
    if (axes[i] <= axes[i - 1]) return false;
  }
  for (int i = 0; i < full.rank; ++i) {
    if (std::find(axes.begin(), axes.end(), i) == axes.end()) shape->keeps[shape->kept++] = i;
  }
  if (axes[count - 1] - axes[0] == count - 1) shape->front = static_cast<int>(axes[0]);
  for (int i = 0; i < shape->front; ++i) shape->size[shape->rank++] = full.shape[i];
  for (int i = 0; i < index.rank; ++i) shape->size[shape->rank++] = index.shape[i];
  for (int i = shape->front; i < shape->kept; ++i) {
    shape->size[shape->rank++] = full.shape[shape->keeps[i]];
  }
  return true;
}

// Operands `first`, first + 1, ... are the indices of `axes`, all of one shape.
Code check_indexing(Call& call, const Tensor& full, const Tensor& picked, int first,
                    std::span<const int64_t> axes) {
  WTW_CHECK(full.dtype == picked.dtype);
  WTW_CHECK(axes.size() == static_cast<size_t>(call.inputs() - first) && !axes.empty());
  for (int i = first; i < call.inputs(); ++i) {
    WTW_CHECK(same_shape(call.in(i), call.in(first)));
  }
  Shape shape;
  WTW_CHECK(picked_shape(full, call.in(first), axes, &shape));
  WTW_CHECK(shape.rank == picked.rank);
  WTW_CHECK(std::equal(shape.size, shape.size + shape.rank, picked.shape));
  call.need_scratch(call.in(first).numel * static_cast<int64_t>(sizeof(int64_t)));
  return Code::ok;
}

// Where in `full` each position of the indices leads, in elements, to call.scratch().
Code resolve(Call& call, const Tensor& full, int first, std::span<const int64_t> axes, bool wraps) {
  auto* places = reinterpret_cast<int64_t*>(call.scratch());
  std::fill_n(places, call.in(first).numel, 0);
  for (int i = first; i < call.inputs(); ++i) {
    const Tensor& index = call.in(i);
    const int64_t axis = axes[i - first];
    Odometer<1> at;
    for (int d = 0; d < index.rank; ++d) at.add(index.shape[d], {index.stride[d]});
    at.seek(0);
    for (int64_t j = 0; j < index.numel; ++j, at.next()) {
      const int64_t given = index_at(index, at[0]);
      const int64_t place = position_of(given, full.shape[axis], wraps);
      if (place < 0) {
        return call.fail(Code::index_out_of_range, __LINE__, i, given, full.shape[axis]);
      }
      places[j] += place * full.stride[axis];
    }
  }
  return Code::ok;
}

// What happens to each line: its elements go from picked into full, or the other way.
struct Move {
  Line line;
  std::byte* full;
  std::byte* picked;
  int64_t item;
  bool into;
};

// Walks full and picked together: (front, indices) are positions, back is the box of each.
struct Walk {
  Odometer<2> front, back;  // offsets in full and in picked
  Odometer<1> picks;        // offsets in picked
  Odometer<2>::Axis line;   // the innermost axis of back

  Walk(const Tensor& full, const Tensor& picked, const Tensor& index, const Shape& shape) {
    for (int i = 0; i < shape.front; ++i) {
      front.add(full.shape[i], {full.stride[i], picked.stride[i]});
    }
    for (int i = 0; i < index.rank; ++i) {
      picks.add(index.shape[i], {picked.stride[shape.front + i]});
    }
    for (int i = shape.front; i < shape.kept; ++i) {
      const int axis = shape.keeps[i];
      back.add(full.shape[axis], {full.stride[axis], picked.stride[index.rank + i]});
    }
    line = back.pop();
  }

  // Moves the lines of positions [begin, end): out of full (into picked), or into it.
  void lines(const int64_t* places, int64_t begin, int64_t end, const Move& move) {
    const int64_t period = picks.positions();
    int64_t j = begin % period;
    front.seek(begin / period);
    picks.seek(j);
    back.seek(0);
    for (int64_t p = begin; p < end; ++p, picks.next()) {
      for (int64_t i = 0; i < back.positions(); ++i, back.next()) {
        std::byte* in_full = move.full + (front[0] + places[j] + back[0]) * move.item;
        std::byte* in_picked = move.picked + (front[1] + picks[0] + back[1]) * move.item;
        if (move.into) {
          move.line(in_full, line.steps[0], in_picked, line.steps[1], line.size);
        } else {
          move.line(in_picked, line.steps[1], in_full, line.steps[0], line.size);
        }
      }
      if (++j == period) {
        j = 0;
        front.next();
      }
    }
  }
};

Code check_index(Call& call) {
  return check_indexing(call, call.in(0), call.out(), 1, call.integers(op::index::axes_));
}

Code run_index(Call& call) {
  const Tensor& in = call.in(0);
  const Tensor& out = call.out();
  const auto axes = call.integers(op::index::axes_);
  if (out.numel == 0) return Code::ok;
  const bool wraps = call.flag(op::index::wraps_);
  if (const Code code = resolve(call, in, 1, axes, wraps); code != Code::ok) return code;
  Shape shape;
  picked_shape(in, call.in(1), axes, &shape);
  const Walk walk(in, out, call.in(1), shape);
  const auto* places = reinterpret_cast<const int64_t*>(call.scratch());
  const int64_t item = size_of(out.dtype);
  const int64_t bytes = walk.back.positions() * walk.line.size * item;
  const Move move = {copy_line(item), in.data, out.data, item, false};
  parallel_ranges(
      walk.front.positions() * walk.picks.positions(), kBytesPerChunk / bytes,
      [&](int64_t begin, int64_t end, int) { Walk(walk).lines(places, begin, end, move); });
  return Code::ok;
}

Code check_index_put(Call& call) {
  namespace o = op::index_put;
  const Tensor& in = call.in(o::self_);
  WTW_CHECK(in.dtype == call.out().dtype && same_shape(in, call.out()));
  WTW_CHECK(combines(in.dtype) || !call.flag(o::accumulate_));
  return check_indexing(call, in, call.in(o::values_), o::indices_, call.integers(o::axes_));
}

// In the order of the indices: the last of several writes to an element stays.
Code run_index_put(Call& call) {
  namespace o = op::index_put;
  const Tensor& values = call.in(o::values_);
  const Tensor& index = call.in(o::indices_);
  const Tensor& out = call.out();
  const auto axes = call.integers(o::axes_);
  if (values.numel > 0) {
    const bool wraps = call.flag(o::wraps_);
    const Code code = resolve(call, out, o::indices_, axes, wraps);
    if (code != Code::ok) return code;
  }
  copy_tensor(out, call.in(o::self_));
  if (values.numel == 0) return Code::ok;
  Shape shape;
  picked_shape(out, index, axes, &shape);
  Walk walk(out, values, index, shape);
  const auto* places = reinterpret_cast<const int64_t*>(call.scratch());
  const int64_t item = size_of(out.dtype);
  const Line line = call.flag(o::accumulate_) ? add_line(out.dtype) : copy_line(item);
  const Move move = {line, out.data, values.data, item, true};
  walk.lines(places, 0, walk.front.positions() * walk.picks.positions(), move);
  return Code::ok;
}

}  // namespace

WTW_KERNEL(index, check_index, run_index);
WTW_KERNEL(index_put, check_index_put, run_index_put);

}  // namespace wtw
