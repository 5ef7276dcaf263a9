// Moves elements between memory layouts, whatever their type: only the element's size counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/tensor.h"

namespace wtw {

// One element of 1, 2, 4 or 8 bytes.
inline void copy_item(std::byte* to, const std::byte* from, int64_t item) {
  switch (item) {
    case 1:
      std::memcpy(to, from, 1);
      break;
    case 2:
      std::memcpy(to, from, 2);
      break;
    case 4:
      std::memcpy(to, from, 4);
      break;
    default:
      std::memcpy(to, from, 8);
      break;
  }
}

// Bytes that do not overlap; short runs are not worth a call of memory.copy.
void copy_bytes(std::byte* to, const std::byte* from, int64_t bytes);

// to[i * to_step] = from[i * from_step] for i < n; steps in elements.
using Line = void (*)(std::byte* to, int64_t to_step, const std::byte* from, int64_t from_step,
                      int64_t n);

// The copying line for elements of 1, 2, 4 or 8 bytes.
Line copy_line(int64_t item);

// Copies a box of elements of `item` bytes. Steps are in elements; those of `from` may be 0 or
// negative. The two boxes do not overlap.
void copy_strided(int rank, const int64_t* shape, std::byte* to, const int64_t* to_stride,
                  const std::byte* from, const int64_t* from_stride, int64_t item);

// Copies all of `in` to `out`, of the same shape; nothing where they are the same memory.
void copy_tensor(const Tensor& out, const Tensor& in);

// Along one axis: output elements [to, to + size) take input elements from, from + step, ...
struct Piece {
  int64_t to, size, from, step;
};

// An axis cut into at most three pieces.
struct Pieces {
  int count = 0;
  Piece piece[3];

  void add(int64_t to, int64_t size, int64_t from, int64_t step) {
    if (size > 0) piece[count++] = {to, size, from, step};
  }
};

// Fills `out` box by box: one box for every combination of the axes' pieces.
void copy_pieces(const Tensor& out, const Tensor& in, const Pieces* axes);

}  // namespace wtw
