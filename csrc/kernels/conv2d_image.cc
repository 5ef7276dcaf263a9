// Images of any strides in, padded images with the channels of a group innermost out.
#include "kernels/conv2d_image.h"

#include <algorithm>
#include <cstring>

#include "core/simd.h"
#include "kernels/axis.h"

namespace wtw::conv {
namespace {

constexpr int64_t kChunkFloats = 16 << 10;
constexpr ptrdiff_t kLanes = 4;

// A row of the image: some of its channels.
struct Line {
  const float* from;
  int64_t x_step, channel_step;
  int64_t width, channels;
};

// Planes with neighbouring pixels side by side, four pixels and four channels at a time, the last
// channels first. A vector that runs into the next pixel is written before what belongs there.
// Gives how many pixels are done; at least one is left for what the last vector ran into.
ptrdiff_t interleave(const Line& line, float* to) {
  const ptrdiff_t channels = line.channels, width = line.width;
  ptrdiff_t x = 0;
  for (ptrdiff_t c = (channels - 1) / kLanes * kLanes; c >= 0; c -= kLanes) {
    const float* from[kLanes];
    for (ptrdiff_t i = 0; i < kLanes; ++i) {
      from[i] = line.from + std::min(c + i, channels - 1) * line.channel_step;
    }
    float* pixel = to + c;
    for (x = 0; x + kLanes < width; x += kLanes) {
      simd::f32x4 v[kLanes];
      for (int i = 0; i < kLanes; ++i) v[i] = simd::load(from[i] + x);
      simd::transpose(v);
      for (int i = 0; i < kLanes; ++i, pixel += channels) simd::store(pixel, v[i]);
    }
  }
  return x;
}

void copy_vectors(const Line& line, float* to) {
  for (int64_t x = 0; x < line.width; ++x) {
    const float* from = line.from + x * line.x_step;
    for (int64_t c = 0; c < line.channels; c += kLanes, to += kLanes) {
      simd::store(to, simd::load(from + c));
    }
  }
}

void copy_line(const Line& line, float* to) {
  const bool channels_inside = line.channel_step == 1 || line.channels == 1;
  if (channels_inside && line.x_step == line.channels) {
    std::memcpy(to, line.from, line.width * line.channels * sizeof(float));
    return;
  }
  if (channels_inside && line.channels % kLanes == 0) return copy_vectors(line, to);
  int64_t x = line.x_step == 1 && line.channels > 1 ? interleave(line, to) : 0;
  for (; x < line.width; ++x) {
    for (int64_t c = 0; c < line.channels; ++c) {
      to[x * line.channels + c] = line.from[x * line.x_step + c * line.channel_step];
    }
  }
}

}  // namespace

void copy_padded(const Geometry& g, const Tensor& input, int64_t top, int64_t left, float* to) {
  const int64_t height = input.shape[2], width = input.shape[3], channels = g.group_channels();
  const int64_t row = g.x.in * channels, lines = g.groups * g.batch * g.y.in;
  parallel_ranges(
      lines, kChunkFloats / std::max<int64_t>(row, 1), [&](int64_t i, int64_t end, int) {
        for (; i < end; ++i) {
          const int64_t y = i % g.y.in - top, image = i / g.y.in % g.batch,
                        group = i / g.y.in / g.batch;
          float *line = to + i * row, *inside = line + left * channels, *last = line + row;
          if (y < 0 || y >= height) inside = last;
          std::fill(line, inside, 0.0f);
          if (inside == last) continue;
          const int64_t offset = image * input.stride[0] + group * channels * input.stride[1];
          copy_line({.from = input.as<float>() + offset + y * input.stride[2],
                     .x_step = input.stride[3],
                     .channel_step = input.stride[1],
                     .width = width,
                     .channels = channels},
                    inside);
          std::fill(inside + width * channels, last, 0.0f);
        }
      });
}

}  // namespace wtw::conv
