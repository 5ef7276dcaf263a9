// cumsum, cumprod, cummax, cummin and logcumsumexp: running folds along one axis.
//
// Memory is (outer, size, inner). Up to 64 neighbouring columns at a time, a piece of the axis
// after the other, are converted to float64 or int64, folded in place and stored.
#include <algorithm>
#include <cmath>

#include "core/convert.h"
#include "core/kernel.h"
#include "kernels/axis.h"
#include "kernels/fold.h"
#include "ops.h"

namespace wtw {
namespace {

enum class Scan : uint8_t { sum, prod, max, min, log_sum };

constexpr int64_t kColumns = 64;
constexpr int64_t kPiece = 1024;     // elements of a piece
constexpr int64_t kGrain = 8 << 10;  // elements of a chunk: 40 us

// log(e^a + e^b).
double log_add_exp(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return a + b;
  const double low = std::min(a, b), high = std::max(a, b);
  if (low == high && std::isinf(low)) return low;
  return high + std::log1p(std::exp(low - high));
}

// A piece of a tile: rows of `width` columns, the first one at `position` along the axis.
template <class T>
struct Piece {
  T values[kPiece];
  int64_t indices[kPiece];  // of extremes: where each value was found
  int64_t rows, width, position;
};

// What the columns of a tile have come to.
template <class T>
struct Running {
  T value[kColumns];
  int64_t index[kColumns];
};

template <class T, class F>
void fold_rows(Piece<T>& piece, Running<T>& running, F&& f) {
  T* v = piece.values;
  for (int64_t r = 0; r < piece.rows; ++r) {
    for (int64_t c = 0; c < piece.width; ++c, ++v) *v = running.value[c] = f(running.value[c], *v);
  }
}

// The last of equal elements counts, and the last NaN.
template <class T>
[[gnu::noinline, clang::minsize]] void fold_extremes(Fold fold, Piece<T>& piece,
                                                     Running<T>& running) {
  for (int64_t r = 0; r < piece.rows; ++r) {
    for (int64_t c = 0; c < piece.width; ++c) {
      const int64_t i = r * piece.width + c;
      const T v = piece.values[i], best = running.value[c];
      if (v == best || is_nan(v) || beats(fold, v, best)) {
        running.value[c] = v;
        running.index[c] = piece.position + r;
      }
      piece.values[i] = running.value[c];
      piece.indices[i] = running.index[c];
    }
  }
}

template <class T>
void fold_piece(Scan scan, Piece<T>& piece, Running<T>& running) {
  switch (scan) {
    case Scan::sum:
      return fold_rows(piece, running, join<Fold::sum, T>);
    case Scan::prod:
      return fold_rows(piece, running, join<Fold::prod, T>);
    case Scan::max:
      return fold_extremes(Fold::max, piece, running);
    case Scan::min:
      return fold_extremes(Fold::min, piece, running);
    case Scan::log_sum:
      if constexpr (std::is_same_v<T, double>) fold_rows(piece, running, log_add_exp);
  }
}

template <class T>
T start_of(Scan scan) {
  switch (scan) {
    case Scan::sum:
      return identity<T>(Fold::sum);
    case Scan::prod:
      return identity<T>(Fold::prod);
    case Scan::min:
      return identity<T>(Fold::min);
    case Scan::max:
    case Scan::log_sum:
      return identity<T>(Fold::max);  // log_sum: -infinity, of floats
  }
}

// `width` neighbouring columns, the first one at offset `base`.
template <class T>
void scan_tile(const Call& call, Scan scan, const Axis& axis, int64_t base, int64_t width) {
  constexpr DType compute = std::is_same_v<T, double> ? DType::float64 : DType::int64;
  const Tensor &x = call.in(0), &y = call.out();
  const bool extremes = call.outputs() == 2;
  Piece<T> piece;
  Running<T> running;
  std::fill_n(running.value, width, start_of<T>(scan));
  std::fill_n(running.index, width, 0);
  const int64_t most = kPiece / width;
  for (int64_t first = 0; first < axis.size; first += most) {
    piece.rows = std::min(most, axis.size - first);
    piece.width = width;
    piece.position = first;
    // Rows that follow each other in memory move as one.
    const bool whole = width == axis.inner;
    const int64_t moves = whole ? 1 : piece.rows, length = whole ? piece.rows * width : width;
    const int64_t at = base + first * axis.inner;
    for (int64_t i = 0; i < moves; ++i) {
      const int64_t from = (at + i * axis.inner) * size_of(x.dtype);
      load_as(compute, piece.values + i * width, x.dtype, x.data + from, length);
    }
    fold_piece(scan, piece, running);
    for (int64_t i = 0; i < moves; ++i) {
      const int64_t to = at + i * axis.inner;
      store_as(y.dtype, y.data + to * size_of(y.dtype), compute, piece.values + i * width, length);
      if (extremes) std::copy_n(piece.indices + i * width, length, call.out(1).as<int64_t>() + to);
    }
  }
}

template <Scan scan>
Code check(Call& call) {
  constexpr bool extremes = scan == Scan::max || scan == Scan::min;
  const Tensor &x = call.in(0), &y = call.out();
  WTW_CHECK(is_axis(x, call.integer(op::cumsum::dim_)) && same_layout(x, y));
  WTW_CHECK(y.dtype == (extremes || is_floating(x.dtype) ? x.dtype : DType::int64));
  WTW_CHECK(!extremes || same_layout(x, call.out(1)));
  call.memo<Scan>() = scan;
  return Code::ok;
}

Code run(Call& call) {
  const Tensor& x = call.in(0);
  if (x.numel == 0) return Code::ok;
  const Scan scan = call.memo<Scan>();
  const Axis axis = axis_of(x, call.integer(op::cumsum::dim_));
  const int64_t tiles = ceil_div(axis.inner, kColumns);
  const int64_t grain = kGrain / (axis.size * std::min(axis.inner, kColumns));
  parallel_ranges(axis.outer * tiles, grain, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t column = i % tiles * kColumns;
      const int64_t base = i / tiles * axis.size * axis.inner + column;
      const int64_t width = std::min(kColumns, axis.inner - column);
      if (is_floating(x.dtype)) {
        scan_tile<double>(call, scan, axis, base, width);
      } else {
        scan_tile<int64_t>(call, scan, axis, base, width);
      }
    }
  });
  return Code::ok;
}
}  // namespace

WTW_KERNEL(cumsum, check<Scan::sum>, run);
WTW_KERNEL(cumprod, check<Scan::prod>, run);
WTW_KERNEL(cummax, check<Scan::max>, run);
WTW_KERNEL(cummin, check<Scan::min>, run);
WTW_KERNEL(logcumsumexp, check<Scan::log_sum>, run);

}  // namespace wtw
