// Elements anyhow in memory in, the same elements dense in the order of the output's strides out;
// their bytes as elements of another dtype.
//
// Where both sides have the same innermost axis that is a copy of rows. Where the axis that is
// innermost in the input lies further out in the output it is a transposition, done in squares
// that stay in the cache.
#include <algorithm>
#include <cstring>

#include "core/kernel.h"
#include "core/simd.h"
#include "kernels/axis.h"
#include "kernels/memory_order.h"
#include "kernels/odometer.h"
#include "kernels/strided_copy.h"
#include "ops.h"

namespace wtw {
namespace {

// Elements along the sides of a square, at least, and in a square or strip, about.
constexpr int64_t kSide = 32, kSquare = kSide * kSide;
constexpr int64_t kChunk = 128 << 10;  // elements that a thread takes at a time: 20 us

// The output's axes in memory order, neighbours that both sides walk as one merged; steps in
// elements.
struct Axes {
  int count = 0;
  int64_t size[kMaxRank], to[kMaxRank], from[kMaxRank];

  Axes(const Tensor& out, const Tensor& in) {
    const MemoryOrder order = memory_order(out);
    for (int i = 0; i < order.count; ++i) {
      const int axis = order.axis[i];
      add(out.shape[axis], out.stride[axis], in.stride[axis]);
    }
  }

  void add(int64_t n, int64_t to_step, int64_t from_step) {
    const int last = count - 1;
    if (last >= 0 && to[last] == n * to_step && from[last] == n * from_step) {
      n *= size[last];
    } else {
      ++count;
    }
    size[count - 1] = n;
    to[count - 1] = to_step;
    from[count - 1] = from_step;
  }

  // The axis along which input elements are neighbours, or -1.
  int input_inner() const {
    for (int i = 0; i < count; ++i) {
      if (from[i] == 1) return i;
    }
    return -1;
  }
};

// Output element (r, c) is at r * to_row + c, the same input element at c * from_column + r.
struct Matrix {
  int64_t rows, columns, to_row, from_column;
};

// Line by line along the longer side: images have three channels.
void transpose_lines(std::byte* to, const std::byte* from, const Matrix& m, int64_t item) {
  const Line line = copy_line(item);
  if (m.columns < m.rows) {
    for (int64_t c = 0; c < m.columns; ++c) {
      line(to + c * item, m.to_row, from + c * m.from_column * item, 1, m.rows);
    }
  } else {
    for (int64_t r = 0; r < m.rows; ++r) {
      line(to + r * m.to_row * item, 1, from + r * item, m.from_column, m.columns);
    }
  }
}

// Squares of `side` x `side` elements of type T in registers.
struct Square4 {
  using T = float;
  static constexpr int64_t side = 4;
  static void transpose(T* to, const T* from, const Matrix& m) {
    const auto row = [&](int i) { return simd::load(from + i * m.from_column); };
    const v128_t a = row(0), b = row(1), c = row(2), d = row(3);
    const v128_t ab_low = wasm_i32x4_shuffle(a, b, 0, 4, 1, 5);
    const v128_t cd_low = wasm_i32x4_shuffle(c, d, 0, 4, 1, 5);
    const v128_t ab_high = wasm_i32x4_shuffle(a, b, 2, 6, 3, 7);
    const v128_t cd_high = wasm_i32x4_shuffle(c, d, 2, 6, 3, 7);
    simd::store(to, wasm_i64x2_shuffle(ab_low, cd_low, 0, 2));
    simd::store(to + m.to_row, wasm_i64x2_shuffle(ab_low, cd_low, 1, 3));
    simd::store(to + 2 * m.to_row, wasm_i64x2_shuffle(ab_high, cd_high, 0, 2));
    simd::store(to + 3 * m.to_row, wasm_i64x2_shuffle(ab_high, cd_high, 1, 3));
  }
};

struct Square8 {
  using T = int64_t;
  static constexpr int64_t side = 2;
  static void transpose(T* to, const T* from, const Matrix& m) {
    const v128_t a = wasm_v128_load(from), b = wasm_v128_load(from + m.from_column);
    wasm_v128_store(to, wasm_i64x2_shuffle(a, b, 0, 2));
    wasm_v128_store(to + m.to_row, wasm_i64x2_shuffle(a, b, 1, 3));
  }
};

struct Square2 {
  using T = uint16_t;
  static constexpr int64_t side = 4;
  static void transpose(T* to, const T* from, const Matrix& m) {
    const auto row = [&](int i) { return wasm_v128_load64_zero(from + i * m.from_column); };
    const v128_t ab = wasm_i16x8_shuffle(row(0), row(1), 0, 8, 1, 9, 2, 10, 3, 11);
    const v128_t cd = wasm_i16x8_shuffle(row(2), row(3), 0, 8, 1, 9, 2, 10, 3, 11);
    const v128_t low = wasm_i32x4_shuffle(ab, cd, 0, 4, 1, 5);
    const v128_t high = wasm_i32x4_shuffle(ab, cd, 2, 6, 3, 7);
    wasm_v128_store64_lane(to, low, 0);
    wasm_v128_store64_lane(to + m.to_row, low, 1);
    wasm_v128_store64_lane(to + 2 * m.to_row, high, 0);
    wasm_v128_store64_lane(to + 3 * m.to_row, high, 1);
  }
};

// Whole squares in registers, the edges in lines.
template <class Square>
void transpose_squares(std::byte* to, const std::byte* from, const Matrix& m) {
  using T = typename Square::T;
  auto* target = reinterpret_cast<T*>(to);
  const auto* source = reinterpret_cast<const T*>(from);
  const int64_t rows = m.rows & -Square::side, columns = m.columns & -Square::side;
  for (int64_t r = 0; r < rows; r += Square::side) {
    for (int64_t c = 0; c < columns; c += Square::side) {
      Square::transpose(target + r * m.to_row + c, source + c * m.from_column + r, m);
    }
  }
  const auto edge = [&](int64_t r, int64_t c, int64_t n_rows, int64_t n_columns) {
    transpose_lines(reinterpret_cast<std::byte*>(target + r * m.to_row + c),
                    reinterpret_cast<const std::byte*>(source + c * m.from_column + r),
                    {n_rows, n_columns, m.to_row, m.from_column}, sizeof(T));
  };
  edge(0, columns, m.rows, m.columns - columns);
  edge(rows, 0, m.rows - rows, columns);
}

void transpose(std::byte* to, const std::byte* from, const Matrix& m, int64_t item) {
  switch (item) {
    case 2:
      return transpose_squares<Square2>(to, from, m);
    case 4:
      return transpose_squares<Square4>(to, from, m);
    case 8:
      return transpose_squares<Square8>(to, from, m);
    default:
      return transpose_lines(to, from, m, item);
  }
}

// Axis `row` and the last one are the matrix; the others count matrices.
void copy_transposed(const Tensor& out, const Tensor& in, const Axes& axes, int row) {
  const int64_t item = size_of(out.dtype);
  const int column = axes.count - 1;
  const Matrix all = {axes.size[row], axes.size[column], axes.to[row], axes.from[column]};
  Odometer<2> matrices;
  for (int i = 0; i < column; ++i) {
    if (i != row) matrices.add(axes.size[i], {axes.to[i], axes.from[i]});
  }
  const int64_t height = std::max(kSide, kSquare / all.columns);
  const int64_t width = std::max(kSide, kSquare / all.rows);
  const int64_t strips = ceil_div(all.rows, height);
  const int64_t grain = kChunk / (std::min(height, all.rows) * all.columns);
  parallel_ranges(matrices.positions() * strips, grain, [&](int64_t begin, int64_t end, int) {
    for (int64_t strip = begin; strip < end; ++strip) {
      const auto offset = matrices.at(strip / strips);
      const int64_t r = strip % strips * height;
      Matrix square = all;
      square.rows = std::min(height, all.rows - r);
      for (int64_t c = 0; c < all.columns; c += width) {
        square.columns = std::min(width, all.columns - c);
        transpose(out.data + (offset[0] + r * all.to_row + c) * item,
                  in.data + (offset[1] + c * all.from_column + r) * item, square, item);
      }
    }
  });
}

// Elements of 16 bytes as two of 8 along a last axis.
Tensor halved(Tensor t) {
  if (size_of(t.dtype) < 16) return t;
  for (int i = 0; i < t.rank; ++i) t.stride[i] *= 2;
  t.shape[t.rank] = 2;
  t.stride[t.rank++] = 1;
  t.numel *= 2;
  t.dtype = DType::float64;
  return t;
}

Code check_copy(Call& call) {
  WTW_CHECK(call.in(0).dtype == call.out().dtype && same_shape(call.in(0), call.out()));
  WTW_CHECK(size_of(call.out().dtype) < 16 || call.out().rank < kMaxRank);
  return Code::ok;
}

Code run_copy(Call& call) {
  const Tensor out = halved(call.out());
  const Tensor in = halved(call.in(0));
  if (out.numel == 0) return Code::ok;
  const Axes axes(out, in);
  const int inner = axes.input_inner();
  if (inner >= 0 && inner < axes.count - 1) {
    copy_transposed(out, in, axes, inner);
  } else {
    copy_strided(axes.count, axes.size, out.data, axes.to, in.data, axes.from, size_of(in.dtype));
  }
  return Code::ok;
}

// The last axis holds the same bytes; without one, an element does.
Code check_view_dtype(Call& call) {
  const Tensor& in = call.in(0);
  const Tensor& out = call.out();
  const int last = in.rank - 1;
  WTW_CHECK(out.dtype == call.dtype(op::view_dtype::dtype_) && out.rank == in.rank);
  WTW_CHECK(std::equal(in.shape, in.shape + std::max(last, 0), out.shape));
  const int64_t from = last < 0 ? 1 : in.shape[last], to = last < 0 ? 1 : out.shape[last];
  WTW_CHECK(from * size_of(in.dtype) == to * size_of(out.dtype));
  return Code::ok;
}

Code run_view_dtype(Call& call) {
  const Tensor& out = call.out();
  if (out.numel > 0) std::memcpy(out.data, call.in(0).data, out.numel * size_of(out.dtype));
  return Code::ok;
}

}  // namespace

WTW_KERNEL(copy, check_copy, run_copy);
WTW_KERNEL(view_dtype, check_view_dtype, run_view_dtype);

}  // namespace wtw
