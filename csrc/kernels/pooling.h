// Pooling windows along one axis: which input elements each output element is made of.
#pragma once

#include <algorithm>
#include <cstdint>

namespace wtw::pooling {

// `count` input elements, `step` apart; `extent` counts those in the padding too (of averages,
// whose windows have no gaps).
struct Window {
  int64_t start, count, step, extent;
};

// Sizes and attributes are below this: no product of two overflows.
inline constexpr int64_t kLimit = int64_t{1} << 30;

struct Axis {
  int64_t in = 0, out = 0;
  int64_t kernel = 0;  // 0: windows that cover the input evenly (adaptive pooling)
  int64_t stride = 1, padding = 0, dilation = 1;

  Window window(int64_t o) const {
    if (kernel == 0) {
      const int64_t start = o * in / out, end = ((o + 1) * in + out - 1) / out;
      return {start, end - start, 1, end - start};
    }
    const int64_t begin = o * stride - padding;
    const int64_t skipped = begin < 0 ? (dilation - 1 - begin) / dilation : 0;
    const int64_t taken = std::min(kernel, (in - begin + dilation - 1) / dilation);
    return {begin + skipped * dilation, std::max<int64_t>(taken - skipped, 0), dilation,
            std::min(begin + kernel, in + padding) - begin};
  }

  bool valid() const {
    if (in < 0 || in >= kLimit || out < 0 || out >= kLimit) return false;
    if (kernel == 0) return in > 0 || out == 0;
    for (int64_t value : {kernel, stride, dilation}) {
      if (value < 1 || value >= kLimit) return false;
    }
    return padding >= 0 && padding <= (dilation * (kernel - 1) + 1) / 2;
  }

  // Whether `out` follows from the rest; valid() holds.
  bool consistent(bool ceil_mode) const {
    if (kernel == 0) return true;
    // Where the last window begins; a single one may reach beyond an input that is smaller.
    const int64_t last =
        in + 2 * padding - dilation * (kernel - 1) - 1 + (ceil_mode ? stride - 1 : 0);
    if (last < 0) return false;
    int64_t expected = last / stride + 1;
    // A window that would begin behind the input is left out.
    if (ceil_mode && (expected - 1) * stride >= in + padding) --expected;
    return out == expected;
  }
};

}  // namespace wtw::pooling
