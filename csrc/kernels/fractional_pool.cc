// fractional_max_pool: (N, C, *in) and random numbers (N, C, n) in; the largest of each window and
// its flat index out, (N, C, *out). Windows begin where the random number of their axis says.
#include <cmath>

#include "core/kernel.h"
#include "kernels/axis.h"
#include "kernels/precision.h"
#include "ops.h"

namespace wtw {
namespace {

using namespace op::fractional_max_pool;

constexpr int kAxes = 3;
constexpr int64_t kLimit = int64_t{1} << 30;

struct Axis {
  int64_t in, out, kernel;
};

// Depth, height and width; images have depth 1.
struct Memo {
  int given;
  DType precision;  // of what decides where windows begin
  Axis axes[kAxes];
};

Code check(Call& call) {
  const Tensor &x = call.in(self_), &samples = call.in(random_samples_), &y = call.out();
  const auto kernel = call.integers(kernel_size_), size = call.integers(output_size_);
  const int n = x.rank - 2;
  WTW_CHECK((n == 2 || n == 3) && y.rank == x.rank && same_shape(y, call.out(1)));
  WTW_CHECK(x.dtype == y.dtype && samples.dtype == x.dtype);
  WTW_CHECK(widened(call.dtype(precision_)) == x.dtype);
  WTW_CHECK(has_shape(samples, {x.shape[0], x.shape[1], n}));
  WTW_CHECK(static_cast<int>(kernel.size()) == n && static_cast<int>(size.size()) == n);
  WTW_CHECK(y.shape[0] == x.shape[0] && y.shape[1] == x.shape[1]);
  Memo memo = {n, call.dtype(precision_), {{1, 1, 1}, {1, 1, 1}, {1, 1, 1}}};
  for (int i = 0; i < n; ++i) {
    const Axis axis = {x.shape[2 + i], y.shape[2 + i], kernel[i]};
    WTW_CHECK(axis.out == size[i] && axis.in < kLimit && axis.out < kLimit);
    WTW_CHECK(axis.kernel >= 1 && axis.out >= 0 && axis.kernel <= axis.in);
    memo.axes[kAxes - n + i] = axis;
  }
  call.memo<Memo>() = memo;
  return Code::ok;
}

// Where window `o` of an axis begins; whatever the random number, inside.
template <class T>
int64_t begin_of(const Axis& a, int64_t o, T sample, DType precision) {
  const int64_t last = a.in - a.kernel;
  if (o == a.out - 1) return last;
  const auto rounds = [&](T value) { return rounded(value, precision); };
  const T step = rounds(rounds(static_cast<T>(last)) / rounds(static_cast<T>(a.out - 1)));
  const T moved = rounds(rounds(rounds(static_cast<T>(o)) + sample) * step);
  const T at = std::trunc(moved) - std::trunc(rounds(sample * step));
  if (!(at > 0)) return 0;
  return at < static_cast<T>(last) ? static_cast<int64_t>(at) : last;
}

// Plane `index` of all channels. The samples name the last axis first.
template <class T>
void pool_plane(Call& call, const Memo& memo, int64_t index) {
  const auto& [depth, height, width] = memo.axes;
  const T* x = call.in(self_).as<T>() + index * depth.in * height.in * width.in;
  const T* samples = call.in(random_samples_).as<T>() + index * memo.given;
  const int64_t size = depth.out * height.out * width.out;
  T* values = call.out().as<T>() + index * size;
  int64_t* indices = call.out(1).as<int64_t>() + index * size;
  for (int64_t o = 0; o < size; ++o) {
    const int64_t line = o / width.out;
    const bool deep = memo.given == 3;
    const auto begin = [&](const Axis& axis, int64_t place, int sample) {
      return begin_of(axis, place, samples[sample], memo.precision);
    };
    // Images: (width, height); volumes: (depth, height, width).
    const int64_t z = deep ? begin(depth, line / height.out, 0) : 0;
    const int64_t y = begin(height, line % height.out, 1);
    const int64_t left = begin(width, o % width.out, deep ? 2 : 0);
    int64_t best = (z * height.in + y) * width.in + left;
    for (int64_t i = 0; i < depth.kernel * height.kernel; ++i) {
      const int64_t row = (z + i / height.kernel) * height.in + y + i % height.kernel;
      for (int64_t k = 0; k < width.kernel; ++k) {
        const int64_t at = row * width.in + left + k;
        if (x[at] > x[best] || x[at] != x[at]) best = at;
      }
    }
    values[o] = x[best];
    indices[o] = best;
  }
}

Code run(Call& call) {
  const Tensor& y = call.out();
  if (y.numel == 0) return Code::ok;
  const Memo& memo = call.memo<Memo>();
  const auto one = y.dtype == DType::float32 ? pool_plane<float> : pool_plane<double>;
  for (int64_t i = 0; i < y.shape[0] * y.shape[1]; ++i) one(call, memo, i);
  return Code::ok;
}

}  // namespace

WTW_KERNEL(fractional_max_pool, check, run);

}  // namespace wtw
