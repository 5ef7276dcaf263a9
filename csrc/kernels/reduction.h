// How reductions walk a tensor with any strides, and the folds of what they read.
//
// The output is dense over the kept axes, so that one tile of the output is up to kColumns
// neighbours along the innermost kept axis. Where that axis is the tighter one in memory, the
// input of a tile is read in lines across it ("columns"); otherwise the lines run along the
// innermost reduced axis, one for each element of the tile ("rows").
#pragma once

#include <cstdint>
#include <span>

#include "core/kernel.h"
#include "kernels/fold.h"
#include "kernels/odometer.h"

namespace wtw::reduction {

inline constexpr int64_t kColumns = 64;
inline constexpr int64_t kBuffer = 1024;  // elements read at a time

struct Walk {
  Odometer<1> kept, reduced;
  Odometer<1>::Axis across = {1, {}};  // the innermost kept axis
  Odometer<1>::Axis along = {1, {}};   // the innermost reduced axis
  int64_t count = 1;                   // elements that one element of the output is made of
  int64_t width = 1;                   // of a tile, at most; long rows come one by one
  bool columns = false;
};

// Of a tensor with elements; `dims` are ascending axes of it.
Walk walk_of(const Tensor& x, std::span<const int64_t> dims);

// Whether `dims` are ascending axes of x and `y` has the shape that reducing them gives.
bool fits(const Tensor& x, std::span<const int64_t> dims, bool keepdim, const Tensor& y);

// A part of the output: `base` is the offset of its first input element, `place` its own offset.
struct Tile {
  int64_t base, place, width;
};

// Lines of a tile's input, in a compute type, `pitch` elements apart: as many rows as the tile is
// wide, of any length, or any number of lines of that length.
struct Lines {
  const void* data;
  int64_t count, length, pitch;
  bool columns;

  template <class T>
  const T* line(int64_t i) const {
    return static_cast<const T*>(data) + i * pitch;
  }
};

// A function with what it captured, so that the loops around it are compiled once.
template <class Argument>
class Callback {
 public:
  template <class F>
  Callback(const F& f)
      : context_(&f), call_([](const void* context, const Argument& argument) {
          (*static_cast<const F*>(context))(argument);
        }) {}
  void operator()(const Argument& argument) const { call_(context_, argument); }

 private:
  const void* context_;
  void (*call_)(const void*, const Argument&);
};

// Calls tile() for every tile of the output, on all workers.
void for_tiles(const Walk& walk, Callback<Tile> tile);

// Room for lines that have to be converted, gathered or changed.
struct Buffer {
  alignas(16) std::byte data[kBuffer * sizeof(int64_t)];

  template <class T>
  T* as() {
    return reinterpret_cast<T*>(data);
  }
};

// Calls use() for the input of a tile, piece by piece, as `compute`; with `copy` it always lies in
// `buffer`, free to be changed.
void for_lines(const Tensor& x, const Walk& walk, const Tile& tile, DType compute, bool copy,
               Buffer& buffer, Callback<Lines> use);

// The totals of a tile: float64 for floats, int64 for integers.
union Totals {
  double real[kColumns];
  int64_t integer[kColumns];
};

void start(Fold fold, DType compute, Totals& totals, int64_t width);

// Every element goes to the total of its column or row. Floats may be given as float32, but for
// products.
void add_lines(Fold fold, DType compute, const Lines& lines, Totals& totals);

// The same for sums of (x - center)^2, of float32.
void add_squares(const Lines& lines, const Totals& centers, Totals& totals);

}  // namespace wtw::reduction
