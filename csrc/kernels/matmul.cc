// matmul: (..., M, K) @ (..., K, N) of any strides in, leading axes broadcast; (..., M, N) out.
#include <cstring>

#include "kernels/few_rows.h"
#include "kernels/gemm.h"
#include "kernels/strided_copy.h"

namespace wtw {
namespace {

using namespace gemm;
namespace op = op::matmul;

constexpr int64_t kBatchFlops = 500'000;      // small products share a chunk
constexpr int64_t kPart = 1024;               // of the reduction
constexpr int64_t kPlainProducts = 32 << 10;  // of a chunk of other numbers
constexpr int64_t kChunkFloats = 128 << 10;   // of a right side that is read in place: about 20 us

// The size of t along an axis of the output, and how far it steps there: 0 where it is broadcast.
int64_t size_along(const Tensor& t, const Tensor& out, int axis) {
  const int own = axis - (out.rank - t.rank);
  return own < 0 ? 1 : t.shape[own];
}
int64_t step_along(const Tensor& t, const Tensor& out, int axis) {
  return size_along(t, out, axis) == 1 ? 0 : t.stride[axis - (out.rank - t.rank)];
}

// Offsets of t's matrices by a flat index over the output's leading axes.
[[gnu::noinline]] Odometer<1> matrices_of(const Tensor& t, const Tensor& out) {
  Odometer<1> offsets;
  for (int axis = 0; axis < out.rank - 2; ++axis) {
    offsets.add(out.shape[axis], {step_along(t, out, axis)});
  }
  return offsets;
}

bool leading_axes_fit(const Tensor& a, const Tensor& b, const Tensor& out) {
  for (int axis = 0; axis < out.rank - 2; ++axis) {
    const int64_t x = size_along(a, out, axis), y = size_along(b, out, axis);
    if (x != y && x != 1 && y != 1) return false;
    if (out.shape[axis] != (x == 1 ? y : x)) return false;
  }
  return true;
}

// Matrices of the right side that are packed, each once.
struct Distinct {
  int64_t count = 1;
  Odometer<1> source;  // of each, in `other`
  Odometer<1> packed;  // which one, by a flat index over the output's leading axes
};

Distinct distinct_of(const Tensor& other, const Tensor& out) {
  Distinct d;
  int64_t step[kMaxRank];
  for (int axis = out.rank - 3; axis >= 0; --axis) {
    const bool apart = step_along(other, out, axis) != 0;
    step[axis] = apart ? d.count : 0;
    if (apart) d.count *= out.shape[axis];
  }
  for (int axis = 0; axis < out.rank - 2; ++axis) {
    d.packed.add(out.shape[axis], {step[axis]});
    if (step[axis] != 0) d.source.add(out.shape[axis], {step_along(other, out, axis)});
  }
  return d;
}

// Few rows for each matrix of the right side, which then is not packed.
bool reads_in_place(const Tensor& b, const Tensor& y) {
  if (b.step(-1) != 1 && b.step(-2) != 1) return false;
  return y.size(-2) <= few_rows::kMost &&
         (distinct_of(b, y).count > 1 || y.numel <= few_rows::kMost * y.size(-1));
}

// Left rows that are not contiguous are copied.
bool copies_left(const Tensor& a) { return a.size(-1) > 1 && a.step(-1) != 1; }

Code check(Call& call) {
  const Tensor &a = call.in(op::self_), &b = call.in(op::other_), &y = call.out();
  WTW_CHECK(a.rank >= 2 && b.rank >= 2 && y.rank == std::max(a.rank, b.rank));
  WTW_CHECK(a.dtype == b.dtype && a.dtype == y.dtype);
  WTW_CHECK(a.size(-1) == b.size(-2) && y.size(-2) == a.size(-2) && y.size(-1) == b.size(-1));
  WTW_CHECK(leading_axes_fit(a, b, y));
  if (y.dtype != DType::float32 || y.numel == 0 || a.numel == 0) return Code::ok;
  const int64_t left = copies_left(a) ? a.numel * int64_t{sizeof(float)} : 0;
  const int64_t panels =
      reads_in_place(b, y) ? 0 : distinct_of(b, y).count * packed_bytes(b.size(-1), b.size(-2));
  call.need_scratch(panels + left);
  return Code::ok;
}

// The left operand with contiguous rows: itself, or its copy in scratch.
Tensor left_of(const Tensor& a, float* scratch) {
  if (!copies_left(a)) return a;
  Tensor dense = a;
  dense.data = reinterpret_cast<std::byte*>(scratch);
  int64_t step = 1;
  for (int axis = a.rank - 1; axis >= 0; --axis) {
    dense.stride[axis] = step;
    step *= a.shape[axis];
  }
  copy_tensor(dense, a);
  return dense;
}

// One chunk. Long sums are made of short ones, which keeps their error small: later parts of the
// reduction are added to the output.
void run_parts(Product product, const Blocking& cut, int64_t chunk, Rows rows) {
  for (int64_t left = product.k; left > 0; left -= product.depth) {
    product.depth = std::min(left, kPart);
    run_rows(product, cut, chunk, rows);
    rows.left += product.depth;
    rows.panels += product.depth * kPanel;
    rows.residual = rows.out;
  }
}

// One product for each matrix of the output; small ones share a chunk.
void multiply_each(const Product& product, const Rows& first, const Odometer<1>& left,
                   const Odometer<1>& right) {
  const int64_t size = first.m * product.n, panels = packed_size(product.n, product.k);
  const Blocking cut = blocking(tiles_of(first.m), panels_of(product.n), product.k);
  const int64_t each = cut.chunks(), all = left.positions() * each;
  const int64_t share = each > 1 ? 1 : std::max<int64_t>(kBatchFlops / (2 * size * product.k), 1);
  pool::parallel(ceil_div(all, share), [&](int64_t chunk, int) {
    for (int64_t i = chunk * share; i < std::min((chunk + 1) * share, all); ++i) {
      Rows rows = first;
      rows.left += left.at(i / each)[0];
      rows.panels += right.at(i / each)[0] * panels;
      rows.out += i / each * size;
      run_parts(product, cut, i % each, rows);
    }
  });
}

// Chunks are columns of one matrix, or several small matrices.
void multiply_in_place(const Tensor& a, const Tensor& b, const Tensor& y) {
  const int64_t m = y.size(-2), n = y.size(-1), k = b.size(-2);
  const bool transposed = b.step(-2) == 1 && (b.step(-1) != 1 || n == 1);
  const int64_t columns = std::min(n, ceil_div(kChunkFloats, 64 * k) * 64);
  const int64_t each = ceil_div(n, columns);
  const Odometer<1> left = matrices_of(a, y), right = matrices_of(b, y);
  parallel_ranges(left.positions() * each, kChunkFloats / (columns * k),
                  [&](int64_t begin, int64_t end, int) {
                    for (int64_t i = begin; i < end; ++i) {
                      const int64_t first = i % each * columns;
                      float* out = y.as<float>() + i / each * m * n + first;
                      const few_rows::Product product = {
                          .m = m,
                          .n = std::min(columns, n - first),
                          .k = k,
                          .left = a.as<float>() + left.at(i / each)[0],
                          .left_stride = a.step(-2),
                          .right = b.as<float>() + right.at(i / each)[0] + first * b.step(-1),
                          .right_stride = b.step(transposed ? -1 : -2),
                          .out = out,
                          .out_stride = n};
                      for (int64_t r = 0; r < m; ++r) std::fill_n(out + r * n, product.n, 0.0f);
                      transposed ? multiply_transposed(product) : multiply(product);
                    }
                  });
}

void multiply_float(Call& call) {
  const Tensor &b = call.in(op::other_), &y = call.out();
  const int64_t n = y.size(-1), k = b.size(-2);
  float* panels = reinterpret_cast<float*>(call.scratch());
  if (reads_in_place(b, y)) return multiply_in_place(left_of(call.in(op::self_), panels), b, y);
  const Distinct distinct = distinct_of(b, y);
  const Tensor a = left_of(call.in(op::self_), panels + distinct.count * packed_size(n, k));
  pack(distinct.count, n, k, panels, [&](int64_t i) {
    return Matrix{b.as<float>() + distinct.source.at(i)[0], b.step(-1), b.step(-2)};
  });
  const Product product = {n, k, k, {}};
  Rows rows = {a.as<float>(), {}, y.size(-2), panels, y.as<float>(), nullptr};
  if (distinct.count > 1) {
    rows.offsets.add(rows.m, {a.step(-2)});
    return multiply_each(product, rows, matrices_of(a, y), distinct.packed);
  }
  rows.offsets = matrices_of(a, y);  // one tall product
  rows.offsets.add(rows.m, {a.step(-2)});
  rows.m = y.numel / n;
  const Blocking cut = blocking(tiles_of(rows.m), panels_of(n), k);
  pool::parallel(cut.chunks(), [&](int64_t chunk, int) { run_parts(product, cut, chunk, rows); });
}

// ---- numbers other than float32: a plain loop, kept small ----

// A row of the output: x (k numbers) times w (k, n).
struct RowTimes {
  const std::byte *x, *w;
  std::byte* y;
  int64_t column, deep, wide;  // steps along k of x, along k and n of w
  int64_t n, k;
};

// Integers wrap around, as in PyTorch.
template <class T, class Sum>
void multiply_row(const RowTimes& r) {
  constexpr int64_t block = 4;  // columns at a time: sums that do not wait for each other
  const T *x = reinterpret_cast<const T*>(r.x), *w = reinterpret_cast<const T*>(r.w);
  for (int64_t first = 0; first < r.n; first += block) {
    int64_t at[block];
    for (int64_t j = 0; j < block; ++j) at[j] = std::min(first + j, r.n - 1) * r.wide;
    Sum sums[block] = {};
    for (int64_t i = 0; i < r.k; ++i) {
      const Sum factor = static_cast<Sum>(x[i * r.column]);
      const T* row = w + i * r.deep;
      for (int64_t j = 0; j < block; ++j) sums[j] += factor * static_cast<Sum>(row[at[j]]);
    }
    T* y = reinterpret_cast<T*>(r.y) + first;
    for (int64_t j = 0; j < std::min(block, r.n - first); ++j) y[j] = static_cast<T>(sums[j]);
  }
}

auto row_function(DType dtype) -> void (*)(const RowTimes&) {
  switch (dtype) {
    case DType::float64:
      return multiply_row<double, double>;
    case DType::int64:
      return multiply_row<int64_t, uint64_t>;
    case DType::int32:
      return multiply_row<int32_t, uint32_t>;
    case DType::int16:
      return multiply_row<int16_t, uint32_t>;
    case DType::int8:
      return multiply_row<int8_t, uint32_t>;
    default:
      return multiply_row<uint8_t, uint32_t>;
  }
}

void multiply_rows(const Tensor& a, const Tensor& b, const Tensor& y) {
  const int64_t m = y.size(-2), n = y.size(-1), item = size_of(y.dtype);
  const Odometer<1> left = matrices_of(a, y), right = matrices_of(b, y);
  const auto multiply = row_function(y.dtype);
  const int64_t grain = kPlainProducts / (n * a.size(-1));
  parallel_ranges(y.numel / n, grain, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      multiply({.x = a.data + (left.at(row / m)[0] + row % m * a.step(-2)) * item,
                .w = b.data + right.at(row / m)[0] * item,
                .y = y.data + row * n * item,
                .column = a.step(-1),
                .deep = b.step(-2),
                .wide = b.step(-1),
                .n = n,
                .k = a.size(-1)});
    }
  });
}

Code run(Call& call) {
  const Tensor &a = call.in(op::self_), &b = call.in(op::other_), &y = call.out();
  if (y.numel == 0) return Code::ok;
  if (a.numel == 0) {
    std::memset(y.data, 0, y.numel * size_of(y.dtype));
    return Code::ok;
  }
  if (y.dtype == DType::float32) {
    multiply_float(call);
  } else {
    multiply_rows(a, b, y);
  }
  return Code::ok;
}

}  // namespace

WTW_KERNEL(matmul, check, run);

}  // namespace wtw
