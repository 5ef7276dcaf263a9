// Boxes of elements in, the same elements in another memory layout out.
#include "kernels/strided_copy.h"

#include <algorithm>
#include <cstring>

#include "core/simd.h"
#include "kernels/axis.h"
#include "kernels/odometer.h"

namespace wtw {
namespace {

constexpr int64_t kBytesPerChunk = 512 << 10;  // about 20 us
constexpr int64_t kLongRun = 2048;  // bytes from which on memory.copy is faster than vectors
constexpr int64_t kVector = 16;

// Fewer bytes than a vector.
void copy_few(std::byte* to, const std::byte* from, int64_t bytes) {
  for (int64_t item = 8; item > 0; item /= 2) {
    if (bytes < item) continue;
    copy_item(to, from, item);
    to += item;
    from += item;
    bytes -= item;
  }
}

template <class T>
void copy_items(std::byte* to, int64_t to_step, const std::byte* from, int64_t from_step,
                int64_t n) {
  if (to_step == 1 && from_step == 1) return copy_bytes(to, from, n * sizeof(T));
  auto* target = reinterpret_cast<T*>(to);
  const auto* source = reinterpret_cast<const T*>(from);
  if (to_step == 1 && from_step == 0) {
    std::fill_n(target, n, *source);
    return;
  }
  for (int64_t i = 0; i < n; ++i) target[i * to_step] = source[i * from_step];
}

}  // namespace

void copy_bytes(std::byte* to, const std::byte* from, int64_t bytes) {
  if (bytes < kVector) return copy_few(to, from, bytes);
  if (bytes >= kLongRun) {
    std::memcpy(to, from, bytes);
    return;
  }
  const auto move = [&](int64_t at) {
    v128_t v = wasm_v128_load(from + at);
    simd::pin(v);  // else LLVM makes a memcpy of the loop
    wasm_v128_store(to + at, v);
  };
  int64_t at = 0;
  for (; at + 4 * kVector <= bytes; at += 4 * kVector) {
    move(at);
    move(at + kVector);
    move(at + 2 * kVector);
    move(at + 3 * kVector);
  }
  for (; at + kVector <= bytes; at += kVector) move(at);
  if (at < bytes) move(bytes - kVector);  // overlaps the one before
}

Line copy_line(int64_t item) {
  switch (item) {
    case 1:
      return copy_items<uint8_t>;
    case 2:
      return copy_items<uint16_t>;
    case 4:
      return copy_items<uint32_t>;
    default:
      return copy_items<uint64_t>;
  }
}

void copy_strided(int rank, const int64_t* shape, std::byte* to, const int64_t* to_stride,
                  const std::byte* from, const int64_t* from_stride, int64_t item) {
  int order[kMaxRank];  // largest steps first, so that the innermost axis is the one in memory
  for (int i = 0; i < rank; ++i) {
    int at = i;
    for (; at > 0 && to_stride[order[at - 1]] < to_stride[i]; --at) order[at] = order[at - 1];
    order[at] = i;
  }
  Odometer<2> all;
  for (int i = 0; i < rank; ++i) {
    all.add(shape[order[i]], {to_stride[order[i]], from_stride[order[i]]});
  }
  if (all.positions() == 0) return;
  const auto inner = all.pop();
  const Line line = copy_line(item);
  parallel_ranges(
      all.positions(), kBytesPerChunk / (inner.size * item), [&](int64_t begin, int64_t end, int) {
        Odometer<2> at = all;
        at.seek(begin);
        for (int64_t i = begin; i < end; ++i, at.next()) {
          line(to + at[0] * item, inner.steps[0], from + at[1] * item, inner.steps[1], inner.size);
        }
      });
}

void copy_tensor(const Tensor& out, const Tensor& in) {
  if (out.data == in.data) return;
  copy_strided(out.rank, out.shape, out.data, out.stride, in.data, in.stride, size_of(out.dtype));
}

void copy_pieces(const Tensor& out, const Tensor& in, const Pieces* axes) {
  const int64_t item = size_of(out.dtype);
  int64_t boxes = 1;
  for (int i = 0; i < out.rank; ++i) boxes *= axes[i].count;
  for (int64_t box = 0; box < boxes; ++box) {
    int64_t shape[kMaxRank], step[kMaxRank], to = 0, from = 0, rest = box;
    for (int i = 0; i < out.rank; ++i) {
      const Piece& piece = axes[i].piece[rest % axes[i].count];
      rest /= axes[i].count;
      shape[i] = piece.size;
      step[i] = piece.step * in.stride[i];
      to += piece.to * out.stride[i];
      from += piece.from * in.stride[i];
    }
    copy_strided(out.rank, shape, out.data + to * item, out.stride, in.data + from * item, step,
                 item);
  }
}

}  // namespace wtw
