// Convolutions of bytes: where the windows of output pixels lie, and images with their padding.
#pragma once

#include "kernels/conv.h"
#include "kernels/int8_bytes.h"
#include "kernels/int8_epilogue.h"

namespace wtw::int8 {

// Sizes of a convolution whose images have the channels innermost, with their padding around them.
struct Windows {
  conv::Geometry g;
  bool runs;  // a kernel row is one tap

  int64_t taps() const { return g.y.kernel * (runs ? 1 : g.x.kernel); }
  int64_t depth() const { return g.channels * (runs ? g.x.kernel : 1); }
  int64_t width() const { return g.x.padded(); }
  int64_t height() const { return g.y.padded(); }
  int64_t offsets_bytes() const { return aligned(taps() * int64_t{sizeof(ptrdiff_t)}); }
  // Of padded images of numbers of that many bytes, with what may be read behind them; -1 where
  // they are too large.
  int64_t image_bytes(int64_t bytes_of_one = 1) const;
};

// Reads the sizes of a call whose input 0 are images and whose input 1 are packed weights; false
// where they are out of range or do not fit together.
struct Attributes {
  int kernel, stride, padding, dilation;
};
bool read(const Call& call, const Attributes& attributes, const Names& names, Windows* windows);

// Writes images of bytes, or of floats that `scales` (one for each image) make bytes, with `zero`
// around them: of floats, the zero of the image.
void pad(const Windows& windows, const Tensor& input, const Scale* scales, int32_t zero,
         uint8_t* out);
// Writes images of bytes, with or without signs, as 16 bits.
void pad(const Windows& windows, const Tensor& input, int32_t zero, int16_t* out);

// Where the taps of a window are, from its first number, and where the windows are.
Odometer<1> place(const Windows& windows, ptrdiff_t* offsets);

// The product of windows in padded images; `offsets` is memory for those of the taps.
void convolve(const Windows& windows, const uint8_t* image, const int8_t* weights,
              ptrdiff_t* offsets, const Output& output);

}  // namespace wtw::int8
