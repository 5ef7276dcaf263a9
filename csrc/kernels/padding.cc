// A tensor in, the same with a border around it out: a value, a reflection, or the edge repeated.
#include <algorithm>

#include "core/kernel.h"
#include "kernels/axis.h"
#include "kernels/strided_copy.h"
#include "ops.h"

namespace wtw {
namespace {

constexpr int64_t kLimit = int64_t{1} << 40;  // of a size; sums of three stay far from overflow

struct Border {
  int64_t before = 0, after = 0;  // negative where the axis is cut
};

// `pad` is PyTorch's: (before, after) of the last axis, then of the one before it, ...
Border border_of(std::span<const int64_t> pad, int rank, int axis) {
  const size_t i = 2 * static_cast<size_t>(rank - 1 - axis);
  return i < pad.size() ? Border{pad[i], pad[i + 1]} : Border{};
}

// Whether `out` is `in` with these borders.
bool bordered(const Tensor& out, const Tensor& in, std::span<const int64_t> pad) {
  if (out.dtype != in.dtype || out.rank != in.rank || pad.size() % 2 != 0 ||
      pad.size() > 2 * static_cast<size_t>(in.rank)) {
    return false;
  }
  for (int i = 0; i < in.rank; ++i) {
    const auto [before, after] = border_of(pad, in.rank, i);
    if (std::min(before, after) < -kLimit || std::max(before, after) > kLimit) return false;
    if (out.shape[i] != in.shape[i] + before + after) return false;
  }
  return true;
}

// The span of the output's axis that shows the input, and where in the input it begins.
Piece inside(const Tensor& in, const Border& border, int axis) {
  const int64_t from = std::max<int64_t>(-border.before, 0);
  const int64_t end = in.shape[axis] + std::min<int64_t>(border.after, 0);
  return {std::max<int64_t>(border.before, 0), std::max<int64_t>(end - from, 0), from, 1};
}

Code check_constant(Call& call) {
  const Tensor& value = call.in(op::constant_pad_nd::value_);
  WTW_CHECK(value.numel == 1 && value.dtype == call.out().dtype);
  WTW_CHECK(bordered(call.out(), call.in(op::constant_pad_nd::self_),
                     call.integers(op::constant_pad_nd::pad_)));
  return Code::ok;
}

// Fills, for each axis, the slabs beside the input (whole in the axes inside it, between the
// borders in those outside), then copies the input.
Code run_constant(Call& call) {
  const Tensor& in = call.in(op::constant_pad_nd::self_);
  const Tensor& value = call.in(op::constant_pad_nd::value_);
  const Tensor& out = call.out();
  const int64_t item = size_of(out.dtype), still[kMaxRank] = {};
  int64_t box[kMaxRank], to = 0, from = 0;
  std::copy(out.shape, out.shape + out.rank, box);
  for (int i = 0; i < out.rank; ++i) {
    const Border border = border_of(call.integers(op::constant_pad_nd::pad_), out.rank, i);
    const Piece piece = inside(in, border, i);
    const int64_t first = std::min(piece.to, out.shape[i]), last = first + piece.size;
    const auto fill = [&](int64_t begin, int64_t end) {
      box[i] = end - begin;
      copy_strided(out.rank, box, out.data + (to + begin * out.stride[i]) * item, out.stride,
                   value.data, still, item);
    };
    fill(0, first);
    fill(last, out.shape[i]);
    box[i] = piece.size;
    to += first * out.stride[i];
    from += piece.from * in.stride[i];
  }
  copy_strided(out.rank, box, out.data + to * item, out.stride, in.data + from * item, in.stride,
               item);
  return Code::ok;
}

using Mode = op::pad_border::Mode;

// How far the mode can reach outside an axis of this size.
int64_t reach(Mode mode, int64_t size) {
  if (mode == Mode::reflect) return size - 1;
  if (mode == Mode::circular) return size;
  return size > 0 ? kLimit : 0;
}

Code check_border(Call& call) {
  const Tensor& in = call.in(op::pad_border::self_);
  const auto pad = call.integers(op::pad_border::pad_);
  const Mode mode = static_cast<Mode>(call.integer(op::pad_border::mode_));
  WTW_CHECK(bordered(call.out(), in, pad));
  for (int i = 0; i < in.rank; ++i) {
    const auto [before, after] = border_of(pad, in.rank, i);
    const int64_t limit = reach(mode, in.shape[i]);
    WTW_CHECK((before == 0 && after == 0) || (before <= limit && after <= limit));
    WTW_CHECK(std::min(before, after) >= -in.shape[i]);
  }
  return Code::ok;
}

// Where the borders' first elements come from in an axis, and how far apart their sources lie.
struct Source {
  int64_t before, after, step;
};

Source source_of(Mode mode, int64_t size, int64_t before) {
  switch (mode) {
    case Mode::reflect:
      return {before, size - 2, -1};
    case Mode::circular:
      return {size - before, 0, 1};
    case Mode::replicate:
      return {0, size - 1, 0};
  }
}

// The axis in up to three pieces: border, input, border.
Pieces pieces_of(const Tensor& in, const Border& border, Mode mode, int axis) {
  const Source source = source_of(mode, in.shape[axis], border.before);
  const Piece middle = inside(in, border, axis);
  Pieces pieces;
  pieces.add(0, border.before, source.before, source.step);
  pieces.add(middle.to, middle.size, middle.from, 1);
  pieces.add(middle.to + middle.size, border.after, source.after, source.step);
  return pieces;
}

Code run_border(Call& call) {
  const Tensor& in = call.in(op::pad_border::self_);
  const Mode mode = static_cast<Mode>(call.integer(op::pad_border::mode_));
  Pieces axes[kMaxRank];
  for (int i = 0; i < in.rank; ++i) {
    const Border border = border_of(call.integers(op::pad_border::pad_), in.rank, i);
    axes[i] = pieces_of(in, border, mode, i);
  }
  copy_pieces(call.out(), in, axes);
  return Code::ok;
}

}  // namespace

WTW_KERNEL(constant_pad_nd, check_constant, run_constant);
WTW_KERNEL(pad_border, check_border, run_border);

}  // namespace wtw
