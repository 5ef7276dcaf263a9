// How reductions walk a tensor with any strides, and how they read it in the type they compute in.
//
// The output is dense over the kept axes, so that one tile of the output is up to kColumns
// neighbours along the innermost kept axis. Where that axis is the tighter one in memory, the
// input of a tile is read in lines across it ("columns"); otherwise a tile is one element and the
// lines run along the innermost reduced axis.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <type_traits>

#include "core/convert.h"
#include "core/kernel.h"
#include "kernels/axis.h"
#include "kernels/odometer.h"

namespace wtw::reduction {

inline constexpr int64_t kColumns = 64;
inline constexpr int64_t kBuffer = 1024;     // elements read at a time
inline constexpr int64_t kGrain = 64 << 10;  // elements of a chunk

struct Walk {
  Odometer<1> kept, reduced;
  Odometer<1>::Axis across = {1, {}};  // the innermost kept axis, where tiles are columns
  Odometer<1>::Axis along = {1, {}};   // the innermost reduced axis
  int64_t count = 1;                   // elements that one element of the output is made of

  int64_t tiles() const { return (across.size + kColumns - 1) / kColumns; }
};

// Of a tensor with elements; `dims` are ascending axes of it.
Walk walk_of(const Tensor& x, std::span<const int64_t> dims);

// Whether `dims` are ascending axes of x and `y` has the shape that reducing them gives.
bool fits(const Tensor& x, std::span<const int64_t> dims, bool keepdim, const Tensor& y);

// The type that elements of a dtype are computed in.
template <class T>
inline constexpr DType kCompute = std::is_same_v<T, float>    ? DType::float32
                                  : std::is_same_v<T, double> ? DType::float64
                                                              : DType::int64;

// Lines of elements as T, `pitch` elements apart.
template <class T>
struct Lines {
  const T* data;
  int64_t count, length, pitch;
};

// Where lines lie in a tensor: from one to the next, and inside one, in elements.
struct Steps {
  int64_t line, element;
};

// Whether lines of x can be used where they are.
template <class T>
bool in_place(const Tensor& x, Steps steps) {
  return x.dtype == kCompute<T> && steps.element == 1;
}

// Reads count * length <= kBuffer elements, the first at `offset`, into `buffer`.
void read_lines(const Tensor& x, int64_t offset, int64_t count, int64_t length, Steps steps,
                DType compute, void* buffer);

// Calls use(lines) for the input of one tile, piece by piece; `base` is the offset of its first
// element. With `copy` the lines are always in `buffer`, free to be changed.
template <class T, class F>
void for_lines(const Tensor& x, const Walk& walk, int64_t base, int64_t width, bool copy, T* buffer,
               F&& use) {
  const bool columns = walk.across.size > 1;
  // Rows are one line of any length; columns are many lines of the tile's width.
  const Steps steps =
      columns ? Steps{walk.along.steps[0], walk.across.steps[0]} : Steps{0, walk.along.steps[0]};
  const bool direct = !copy && in_place<T>(x, steps);
  const int64_t most = direct ? walk.along.size : columns ? kBuffer / width : kBuffer;
  Odometer<1> outer = walk.reduced;
  for (int64_t i = 0; i < outer.positions(); ++i, outer.next()) {
    for (int64_t first = 0; first < walk.along.size; first += most) {
      const int64_t n = std::min(most, walk.along.size - first);
      const int64_t offset = base + outer[0] + first * walk.along.steps[0];
      const int64_t count = columns ? n : 1, length = columns ? width : n;
      if (direct) {
        use(Lines<T>{x.as<T>() + offset, count, length, steps.line});
      } else {
        read_lines(x, offset, count, length, steps, kCompute<T>, buffer);
        use(Lines<T>{buffer, count, length, length});
      }
    }
  }
}

// Calls tile(offset of its first input element, its place in the output, its width) for all tiles.
template <class F>
void for_tiles(const Walk& walk, F&& tile) {
  const int64_t tiles = walk.tiles(), width = std::min(walk.across.size, kColumns);
  const int64_t units = walk.kept.positions() * tiles, grain = kGrain / (walk.count * width);
  parallel_ranges(units, grain, [&](int64_t begin, int64_t end, int) {
    Odometer<1> kept = walk.kept;
    kept.seek(begin / tiles);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i % tiles * kColumns;
      tile(kept[0] + first * walk.across.steps[0], i / tiles * walk.across.size + first,
           std::min(kColumns, walk.across.size - first));
      if (i % tiles == tiles - 1) kept.next();
    }
  });
}

}  // namespace wtw::reduction
