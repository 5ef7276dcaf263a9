// Images of bytes and their windows in, tiles of a product out.
#include "kernels/int8_image.h"

#include <algorithm>

namespace wtw::int8 {
namespace {

constexpr int64_t kChunkBytes = 32 << 10;
constexpr int64_t kBlock = 256;  // pixels of one channel

// A row of an image: its elements, those of neighbouring pixels and those of neighbouring channels.
template <class T>
struct Line {
  const T* from;
  int64_t width, channels;
  bool channels_inside;
};

void convert(const float* x, int64_t n, const Scale* scales, uint8_t* out) {
  round_bytes(*scales, x, n, out);
}
template <class T, class Out>
void convert(const T* x, int64_t n, const Scale*, Out* out) {
  std::copy_n(x, n, out);
}

template <class T, class Out>
void write_line(const T* from, const Tensor& input, const Scale* scales, Out* out) {
  const int64_t channels = input.shape[1], width = input.shape[3];
  if (channels == 1 || input.channels_last()) return convert(from, width * channels, scales, out);
  for (int64_t x = 0; x < width; x += kBlock, out += kBlock * channels) {
    const int64_t count = std::min(kBlock, width - x);
    for (int64_t c = 0; c < channels; ++c) {
      Out block[kBlock];
      convert(from + c * input.stride[1] + x, count, scales, block);
      for (int64_t i = 0; i < count; ++i) out[i * channels + c] = block[i];
    }
  }
}

template <class T, class Out>
void write_lines(const Windows& windows, const Tensor& input, const Scale* scales, int32_t zero,
                 Out* out) {
  const conv::Geometry& g = windows.g;
  const int64_t row = windows.width() * g.channels, height = windows.height();
  const auto write = [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t n = i / height, y = i % height - g.y.before;
      const Scale* own = scales ? scales + n : nullptr;
      const Out padding = static_cast<Out>(own ? own->zero : zero);
      Out* line = out + i * row;
      if (y < 0 || y >= g.y.in) {
        std::fill_n(line, row, padding);
        continue;
      }
      Out* inside = line + g.x.before * g.channels;
      Out* after = inside + g.x.in * g.channels;
      std::fill(line, inside, padding);
      write_line(input.as<T>() + n * input.stride[0] + y * input.stride[2], input, own, inside);
      std::fill(after, line + row, padding);
    }
  };
  parallel_ranges(g.batch * height, kChunkBytes / std::max<int64_t>(row, 1), write);
  std::fill_n(out + g.batch * height * row, kBehind, Out{});
}

}  // namespace

int64_t Windows::image_bytes(int64_t bytes_of_one) const {
  const int64_t n = conv::elements({g.batch, height(), width(), g.channels});
  return n < 0 ? n : aligned((n + kBehind) * bytes_of_one);
}

bool read(const Call& call, const Attributes& attributes, const Names& names, Windows* windows) {
  const Tensor &x = call.in(0), &w = call.in(1), &y = call.out();
  const auto kernel = call.integers(attributes.kernel);
  const conv::Sizes sizes = {call.integers(attributes.stride), call.integers(attributes.padding),
                             call.integers(attributes.dilation)};
  conv::Geometry& g = windows->g;
  if (kernel.size() != 2 || w.rank != 5) return false;
  if (!conv::read(x, y, sizes, kernel[0], kernel[1], 1, &g) || !conv::output_fits(g)) return false;
  windows->runs = g.x.dilation == 1 || g.x.kernel == 1;
  const int64_t depth = conv::elements({g.y.kernel, g.x.kernel, g.channels});
  if (depth < 1 || depth > kMostDepth) return false;
  return w.shape[0] == ceil_div(g.out_channels, kColumns) && w.shape[1] == windows->taps() &&
         w.shape[2] == ceil_div(windows->depth(), kDepth) && w.shape[3] == kColumns &&
         w.shape[4] == kDepth && columns_fit(call, names, g.out_channels) &&
         (!call.has(names.residual) || same_shape(call.in(names.residual), y));
}

void pad(const Windows& windows, const Tensor& input, const Scale* scales, int32_t zero,
         uint8_t* out) {
  input.dtype == DType::uint8 ? write_lines<uint8_t>(windows, input, scales, zero, out)
                              : write_lines<float>(windows, input, scales, zero, out);
}

void pad(const Windows& windows, const Tensor& input, int32_t zero, int16_t* out) {
  input.dtype == DType::uint8 ? write_lines<uint8_t>(windows, input, nullptr, zero, out)
                              : write_lines<int8_t>(windows, input, nullptr, zero, out);
}

Odometer<1> place(const Windows& windows, ptrdiff_t* offsets) {
  const conv::Geometry& g = windows.g;
  const int64_t channels = g.channels, width = windows.width(), height = windows.height();
  const int64_t columns = windows.runs ? 1 : g.x.kernel;
  for (int64_t tap = 0; tap < windows.taps(); ++tap) {
    const int64_t y = tap / columns * g.y.dilation, x = tap % columns * g.x.dilation;
    offsets[tap] = (y * width + x) * channels;
  }
  Odometer<1> rows;
  rows.add(g.batch, {height * width * channels});
  rows.add(g.y.out, {g.y.stride * width * channels});
  rows.add(g.x.out, {g.x.stride * channels});
  return rows;
}

void convolve(const Windows& windows, const uint8_t* image, const int8_t* weights,
              ptrdiff_t* offsets, const Output& output) {
  const conv::Geometry& g = windows.g;
  multiply({g.pixels(), g.out_channels, image, place(windows, offsets), windows.taps(),
            windows.depth(), offsets, weights},
           output);
}

}  // namespace wtw::int8
