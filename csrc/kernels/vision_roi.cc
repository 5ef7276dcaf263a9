// Regions of interest: images (N, C, H, W) and boxes (K, 5) of (image, x1, y1, x2, y2) in, a grid
// of values (K, C', PH, PW) out. roi_align averages samples, roi_pool takes the largest pixel,
// ps_roi_pool the mean. Position-sensitive ones read another channel for each cell of the grid.
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/kernel.h"
#include "kernels/axis.h"
#include "kernels/vision.h"
#include "ops.h"

namespace wtw {
namespace {

using vision::clamped;
using vision::Plane;

constexpr int64_t kGrain = 256;            // cells of a chunk
constexpr int64_t kMostSamples = 1 << 20;  // of a cell, along an axis

enum class Kind : uint8_t { align, largest, mean };

struct Memo {
  Kind kind;
  bool by_position, aligned;
  int64_t sampling;  // samples of a cell along an axis; 0 or less: one a pixel
  double scale;
};

Code check_shapes(Call& call, const Memo& memo, int64_t height, int64_t width) {
  const Tensor &x = call.in(0), &boxes = call.in(1), &y = call.out();
  WTW_CHECK(x.rank == 4 && boxes.rank == 2 && boxes.shape[1] == 5 && y.rank == 4);
  WTW_CHECK(x.dtype == boxes.dtype && x.dtype == y.dtype);
  WTW_CHECK(height > 0 && height < vision::kLimit && width > 0 && width < vision::kLimit);
  WTW_CHECK(has_shape(y, {boxes.shape[0], y.shape[1], height, width}));
  WTW_CHECK(x.shape[2] < vision::kLimit && x.shape[3] < vision::kLimit);
  int64_t channels = y.shape[1];
  if (memo.by_position) {
    WTW_CHECK(!__builtin_mul_overflow(channels, height * width, &channels));
  }
  WTW_CHECK(channels == x.shape[1]);
  if (call.outputs() > 1) WTW_CHECK(same_shape(call.out(1), y));
  WTW_CHECK(y.numel == 0 || (x.shape[2] > 0 && x.shape[3] > 0));
  call.memo<Memo>() = memo;
  return Code::ok;
}

Code check_align(Call& call) {
  using namespace op::roi_align;
  const Memo memo = {Kind::align, call.flag(by_position_), call.flag(aligned_),
                     call.integer(sampling_ratio_), call.real(spatial_scale_)};
  return check_shapes(call, memo, call.integer(pooled_height_), call.integer(pooled_width_));
}

Code check_largest(Call& call) {
  using namespace op::roi_pool;
  const Memo memo = {Kind::largest, false, false, 0, call.real(spatial_scale_)};
  return check_shapes(call, memo, call.integer(pooled_height_), call.integer(pooled_width_));
}

Code check_mean(Call& call) {
  using namespace op::ps_roi_pool;
  const Memo memo = {Kind::mean, true, false, 0, call.real(spatial_scale_)};
  return check_shapes(call, memo, call.integer(pooled_height_), call.integer(pooled_width_));
}

// A box along one axis, cut into cells; of `align` in pixels, else in whole ones.
template <class T>
struct Cells {
  T start, step;
  int64_t samples;

  Cells(const Memo& memo, T from, T to, int64_t count) {
    const T scale = static_cast<T>(memo.scale), cells = static_cast<T>(count);
    if (memo.kind == Kind::align) {
      const T shift = memo.aligned || memo.by_position ? T(0.5) : T(0);
      start = from * scale - shift;
      T size = to * scale - shift - start;
      if (!memo.aligned && !memo.by_position) size = std::max(size, T(1));
      step = size / cells;
      samples = clamped(std::ceil(step), 0, kMostSamples);
      if (memo.sampling > 0) samples = std::min(memo.sampling, kMostSamples);
      return;
    }
    start = std::round(from * scale);
    const T size = std::round(to * scale) - start + T(memo.kind == Kind::largest ? 1 : 0);
    step = std::max(size, T(1)) / cells;
    samples = 0;
  }

  T sample(int64_t cell, int64_t i) const {
    return start + static_cast<T>(cell) * step +
           (static_cast<T>(i) + T(0.5)) * step / static_cast<T>(samples);
  }
  // The first pixel of a cell and the one behind its last, in [0, most].
  int64_t first(int64_t cell, int64_t most) const {
    return clamped(std::floor(static_cast<T>(cell) * step) + start, 0, most);
  }
  int64_t end(int64_t cell, int64_t most) const {
    return clamped(std::ceil(static_cast<T>(cell + 1) * step) + start, 0, most);
  }
};

// Outside the image, up to a pixel, a position has the value of the border.
template <class T>
T align_cell(const Plane<T>& plane, const Cells<T>& down, const Cells<T>& across, int64_t i,
             int64_t j, bool by_position) {
  T total = 0;
  const T bottom = static_cast<T>(plane.height - 1), right = static_cast<T>(plane.width - 1);
  for (int64_t k = 0; k < down.samples; ++k) {
    const T y = down.sample(i, k);
    for (int64_t l = 0; l < across.samples; ++l) {
      const T x = across.sample(j, l);
      if (!plane.near(y, x)) continue;
      total += plane.between(std::clamp(y, T(0), bottom), std::clamp(x, T(0), right));
    }
  }
  const T count = static_cast<T>(down.samples * across.samples);
  return total / (by_position ? count : std::max(count, T(1)));
}

template <class T>
struct Pooled {
  T value;
  int32_t index;  // of the largest, or -1
};

// The largest or the mean of a cell's pixels; 0 of none.
template <class T>
Pooled<T> pool_cell(const Plane<T>& plane, const Cells<T>& down, const Cells<T>& across, int64_t i,
                    int64_t j, Kind kind) {
  const int64_t cut = kind == Kind::mean ? 1 : 0;  // torchvision never reads the last pixels
  const int64_t y0 = down.first(i, plane.height - cut), y1 = down.end(i, plane.height - cut);
  const int64_t x0 = across.first(j, plane.width - cut), x1 = across.end(j, plane.width - cut);
  if (y1 <= y0 || x1 <= x0) return {0, -1};
  Pooled<T> best = {std::numeric_limits<T>::lowest(), -1};
  T total = 0;
  for (int64_t y = y0; y < y1; ++y) {
    for (int64_t x = x0; x < x1; ++x) {
      const T value = plane.data[y * plane.width + x];
      total += value;
      if (value > best.value) best = {value, static_cast<int32_t>(y * plane.width + x)};
    }
  }
  if (kind == Kind::largest) return best;
  return {total / static_cast<T>((y1 - y0) * (x1 - x0)), -1};
}

// Output channel `index` of all boxes.
template <class T>
Code pool_plane(Call& call, const Memo& memo, int64_t index) {
  const Tensor &x = call.in(0), &boxes = call.in(1), &y = call.out();
  const int64_t channels = y.shape[1], height = y.shape[2], width = y.shape[3];
  const T* box = boxes.as<T>() + index / channels * 5;
  const int64_t image = clamped(box[0], -1, x.shape[0]);
  if (image < 0 || image >= x.shape[0]) {
    return call.fail(Code::index_out_of_range, __LINE__, 1, image, x.shape[0]);
  }
  const Cells<T> down(memo, box[2], box[4], height), across(memo, box[1], box[3], width);
  T* out = y.as<T>() + index * height * width;
  for (int64_t i = 0; i < height; ++i) {
    for (int64_t j = 0; j < width; ++j) {
      const int64_t cell = i * width + j, own = index % channels;
      const int64_t c = memo.by_position ? own * height * width + cell : own;
      const Plane<T> plane = {x.as<T>() + (image * x.shape[1] + c) * x.shape[2] * x.shape[3],
                              x.shape[2], x.shape[3]};
      if (memo.kind == Kind::align) {
        out[cell] = align_cell(plane, down, across, i, j, memo.by_position);
        continue;
      }
      const Pooled<T> pooled = pool_cell(plane, down, across, i, j, memo.kind);
      out[cell] = pooled.value;
      if (memo.kind == Kind::largest) {
        call.out(1).as<int32_t>()[index * height * width + cell] = pooled.index;
      }
    }
  }
  return Code::ok;
}

Code run(Call& call) {
  const Tensor& y = call.out();
  if (y.numel == 0) return Code::ok;
  const Memo& memo = call.memo<Memo>();
  const auto one = y.dtype == DType::float32 ? pool_plane<float> : pool_plane<double>;
  const int64_t planes = y.shape[0] * y.shape[1], cells = y.shape[2] * y.shape[3];
  parallel_ranges(planes, kGrain / cells, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) one(call, memo, i);
  });
  return call.status();
}

}  // namespace

WTW_KERNEL(roi_align, check_align, run);
WTW_KERNEL(roi_pool, check_largest, run);
WTW_KERNEL(ps_roi_pool, check_mean, run);

}  // namespace wtw
