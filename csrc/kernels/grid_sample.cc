// grid_sample: (N, C, *in) and positions (N, *out, n) in, (N, C, *out) out; n is 2 or 3.
//
// A position is looked up axis by axis: at most four indices with their weights. The value is the
// sum over all their combinations, in PyTorch's order: half precision rounds every step.
#include <algorithm>
#include <cmath>

#include "core/kernel.h"
#include "kernels/axis.h"
#include "kernels/precision.h"
#include "ops.h"

namespace wtw {
namespace {

using namespace op::grid_sample;

constexpr int64_t kMaxSize = int64_t{1} << 30;
constexpr int64_t kGrain = 4 << 10;  // positions times channels of a chunk
constexpr int kMostAxes = 3, kMostTaps = 4, kMostCombined = 8;

struct Memo {
  Mode mode;
  Padding padding;
  DType precision;
  bool align_corners;
  int axes;
  int64_t positions;  // of an image
};

Code check(Call& call) {
  const Tensor &x = call.in(input_), &grid = call.in(grid_), &y = call.out();
  const int n = x.rank - 2;
  const Mode mode = static_cast<Mode>(call.integer(mode_));
  WTW_CHECK((n == 2 || n == 3) && grid.rank == x.rank && y.rank == x.rank);
  WTW_CHECK(x.dtype == y.dtype && grid.dtype == x.dtype && (n == 2 || mode != Mode::bicubic));
  WTW_CHECK(widened(call.dtype(precision_)) == x.dtype);
  WTW_CHECK(grid.shape[0] == x.shape[0] && grid.shape[n + 1] == n);
  WTW_CHECK(y.shape[0] == x.shape[0] && y.shape[1] == x.shape[1]);
  int64_t positions = 1;
  for (int i = 0; i < n; ++i) {
    WTW_CHECK(y.shape[2 + i] == grid.shape[1 + i] && x.shape[2 + i] < kMaxSize);
    WTW_CHECK(x.shape[2 + i] > 0 || y.numel == 0);
    if (y.numel > 0) positions *= y.shape[2 + i];
  }
  call.memo<Memo>() = {mode,
                       static_cast<Padding>(call.integer(padding_)),
                       call.dtype(precision_),
                       call.flag(align_corners_),
                       n,
                       positions};
  return Code::ok;
}

// Positions outside, folded back at the borders: the middles of the outer pixels, or their edges.
template <class T>
T reflect(T at, int64_t size, bool align_corners) {
  const T low = align_corners ? T(0) : T(-0.5);
  const T span = static_cast<T>(align_corners ? size - 1 : size);
  if (span == 0) return 0;
  at = std::abs(at - low);
  const T extra = std::fmod(at, span), flips = std::floor(at / span);
  return std::fmod(flips, T(2)) == 0 ? extra + low : span - extra + low;
}

template <class T>
T padded(T at, int64_t size, const Memo& memo) {
  if (memo.padding == Padding::zeros) return at;
  if (memo.padding == Padding::reflection) at = reflect(at, size, memo.align_corners);
  return std::min(static_cast<T>(size - 1), std::max(at, T(0)));
}

// A position as an index, or -1 where it is outside or no number.
template <class T>
int64_t index_of(T at, int64_t size) {
  return at >= 0 && at < static_cast<T>(size) ? static_cast<int64_t>(at) : -1;
}

template <class T>
struct Taps {
  int count;
  int64_t index[kMostTaps];  // -1: zero
  T weight[kMostTaps];

  void add(T at, T w, int64_t size) {
    weight[count] = w;
    index[count++] = index_of(at, size);
  }
};

// Keys' cubic convolution at a distance below 2.
template <class T>
T cubic(T x, DType precision) {
  constexpr T a = T(-0.75);
  const auto step = [&](T value) { return rounded(value, precision); };
  if (x <= 1) return step(step(step(step(step((a + 2) * x) - (a + 3)) * x) * x) + 1);
  return step(step(step(step(step(step(a * x) - 5 * a) * x) + 8 * a) * x) - 4 * a);
}

// The position in pixels of a number of the grid, -1 to 1.
template <class T>
T position_of(T x, int64_t size, const Memo& memo) {
  const auto step = [&](T value) { return rounded(value, memo.precision); };
  const T n = static_cast<T>(size), from_left = step(x + 1);
  if (memo.align_corners) return step(from_left / 2 * (n - 1));
  return step(step(from_left * n) - 1) / 2;
}

// What a number of the grid takes of an axis.
template <class T>
Taps<T> taps_of(T x, int64_t size, const Memo& memo) {
  const T at = position_of(x, size, memo);
  Taps<T> taps = {0, {}, {}};
  if (memo.mode == Mode::bicubic) {
    const T low = std::floor(at), t = rounded(at - low, memo.precision);
    for (int i = -1; i <= 2; ++i) {
      const T one = static_cast<T>(i);
      const T distance = rounded(std::abs(t - one), memo.precision);
      taps.add(padded(low + one, size, memo), cubic(distance, memo.precision), size);
    }
    return taps;
  }
  const T inside = padded(at, size, memo);
  if (memo.mode == Mode::nearest) {
    taps.add(std::nearbyint(inside), 1, size);
  } else {
    const T low = std::floor(inside);
    taps.add(low, low + 1 - inside, size);
    taps.add(low + 1, inside - low, size);
  }
  return taps;
}

// All combinations of the axes' taps that lie inside, as offsets in an image.
template <class T>
struct Sum {
  int count = 1;
  int64_t offset[kMostCombined] = {};
  T weight[kMostCombined] = {1};

  void multiply(const Taps<T>& taps, int64_t stride, DType precision) {
    const Sum before = *this;
    count = 0;
    for (int k = 0; k < taps.count; ++k) {
      if (taps.index[k] < 0) continue;
      for (int i = 0; i < before.count; ++i) {
        offset[count] = before.offset[i] + taps.index[k] * stride;
        weight[count++] = rounded(before.weight[i] * taps.weight[k], precision);
      }
    }
  }

  T of(const T* image, DType precision) const {
    T total = 0;
    for (int k = 0; k < count; ++k) {
      total = rounded(total + rounded(image[offset[k]] * weight[k], precision), precision);
    }
    return total;
  }
};

// Row by row: cubic weights are not multiplied with each other.
template <class T>
struct CubicSum {
  Taps<T> down;
  Sum<T> rows[kMostTaps];

  CubicSum(const Taps<T>* taps, const int64_t* stride, DType precision) : down(taps[0]) {
    for (int i = 0; i < kMostTaps; ++i) {
      rows[i].offset[0] = down.index[i] * stride[0];
      rows[i].multiply(taps[1], stride[1], precision);
    }
  }

  T of(const T* image, DType precision) const {
    T total = 0;
    for (int i = 0; i < kMostTaps; ++i) {
      if (down.index[i] < 0) continue;
      const T row = rows[i].of(image, precision);
      total = rounded(total + rounded(row * down.weight[i], precision), precision);
    }
    return total;
  }
};

template <class T, class S>
void sample_channels(const Tensor& x, const T* from, T* to, const Memo& memo, const S& sum) {
  for (int64_t c = 0; c < x.shape[1]; ++c) {
    to[c * memo.positions] = sum.of(from + c * x.stride[1], memo.precision);
  }
}

template <class T>
void sample(const Tensor& x, const Tensor& grid, const Tensor& y, const Memo& memo, int64_t index) {
  const int64_t place = grid.step(-1);
  int64_t rest = index % memo.positions;
  const int64_t n = index / memo.positions, last = memo.axes + 1;
  const T* at = grid.as<T>() + n * grid.stride[0];
  for (int i = memo.axes; i >= 1; --i) {
    at += rest % grid.shape[i] * grid.stride[i];
    rest /= grid.shape[i];
  }
  Taps<T> taps[kMostAxes];
  for (int i = 0; i < memo.axes; ++i) {  // the grid names the last axis first
    taps[i] = taps_of(at[(last - 2 - i) * place], x.shape[2 + i], memo);
  }
  const T* from = x.as<T>() + n * x.stride[0];
  T* to = y.as<T>() + n * y.shape[1] * memo.positions + index % memo.positions;
  const int64_t* stride = x.stride + 2;
  if (memo.mode == Mode::bicubic) {
    return sample_channels(x, from, to, memo, CubicSum<T>(taps, stride, memo.precision));
  }
  Sum<T> sum;
  for (int i = memo.axes - 1; i >= 0; --i) sum.multiply(taps[i], stride[i], memo.precision);
  sample_channels(x, from, to, memo, sum);
}

Code run(Call& call) {
  const Tensor &x = call.in(input_), &grid = call.in(grid_), &y = call.out();
  if (y.numel == 0) return Code::ok;
  const Memo& memo = call.memo<Memo>();
  const auto one = y.dtype == DType::float32 ? sample<float> : sample<double>;
  parallel_ranges(y.shape[0] * memo.positions, kGrain / y.shape[1],
                  [&](int64_t begin, int64_t end, int) {
                    for (int64_t i = begin; i < end; ++i) one(x, grid, y, memo, i);
                  });
  return Code::ok;
}

}  // namespace

WTW_KERNEL(grid_sample, check, run);

}  // namespace wtw
