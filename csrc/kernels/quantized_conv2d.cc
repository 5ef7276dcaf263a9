// quantized_conv2d: images (N, C, H, W) of floats, each made 7 bits, and int8 weights in.
// static_conv2d: the same of images that are bytes already.
#include "core/kernel.h"
#include "kernels/int8_image.h"
#include "ops.h"

namespace wtw {
namespace {

using namespace int8;

constexpr int64_t kChunkNumbers = 32 << 10;  // whose range is found: about 10 us

constexpr Names names_of_quantized() {
  using namespace op::quantized_conv2d;
  return {scale_, sums_, bias_, residual_, activation_, low_, high_};
}
constexpr Attributes attributes_of_quantized() {
  using namespace op::quantized_conv2d;
  return {kernel_, stride_, padding_, dilation_};
}
constexpr Names names_of_static() {
  using namespace op::static_conv2d;
  return {scale_, sums_, bias_, residual_, activation_, low_, high_};
}
constexpr Attributes attributes_of_static() {
  using namespace op::static_conv2d;
  return {kernel_, stride_, padding_, dilation_};
}

// The places of what a call keeps in scratch memory, one behind the other.
struct Quantized {
  Windows windows;
  int64_t image, offsets, scales, ranges;  // bytes, rounded up
  int64_t chunks;                          // of an image, for its range

  int64_t bytes() const { return image + offsets + scales + ranges; }
};

Code check_quantized(Call& call) {
  Quantized& memo = call.memo<Quantized>();
  Windows& windows = memo.windows;
  WTW_CHECK(read(call, attributes_of_quantized(), names_of_quantized(), &windows));
  if (call.out().numel == 0) return Code::ok;
  memo.image = windows.image_bytes();
  WTW_CHECK(memo.image >= 0);
  const Tensor& x = call.in(0);
  const int64_t batch = windows.g.batch;
  memo.offsets = windows.offsets_bytes();
  memo.chunks = ceil_div(x.numel / batch, kChunkNumbers);
  memo.scales = aligned(batch * int64_t{sizeof(Scale)});
  memo.ranges = aligned(batch * memo.chunks * int64_t{sizeof(Range)});
  call.need_scratch(memo.bytes());
  return Code::ok;
}

// Each image's memory is one run, whatever the order of its axes.
void find_scales(const Tensor& x, const Quantized& memo, Range* ranges, Scale* scales) {
  const int64_t batch = memo.windows.g.batch, size = x.numel / batch;
  pool::parallel(batch * memo.chunks, [&](int64_t chunk, int) {
    const int64_t begin = chunk % memo.chunks * kChunkNumbers;
    const float* image = x.as<float>() + chunk / memo.chunks * size;
    ranges[chunk] = range_of(image + begin, std::min(kChunkNumbers, size - begin));
  });
  for (int64_t n = 0; n < batch; ++n) {
    Range range = {};
    for (int64_t i = 0; i < memo.chunks; ++i) range.join(ranges[n * memo.chunks + i]);
    scales[n] = scale_of(range);
  }
}

Code run_quantized(Call& call) {
  if (call.out().numel == 0) return Code::ok;
  const Quantized& memo = call.memo<Quantized>();
  const conv::Geometry& g = memo.windows.g;
  std::byte* scratch = call.scratch();
  auto* image = reinterpret_cast<uint8_t*>(scratch);
  auto* offsets = reinterpret_cast<ptrdiff_t*>(scratch += memo.image);
  auto* scales = reinterpret_cast<Scale*>(scratch += memo.offsets);
  auto* ranges = reinterpret_cast<Range*>(scratch += memo.scales);
  find_scales(call.in(0), memo, ranges, scales);
  pad(memo.windows, call.in(0), scales, 0, image);
  const int64_t pixels = g.batch == 1 ? 0 : g.y.out * g.x.out;
  const Output output = output_of(call, names_of_quantized(), g.out_channels, scales, pixels);
  convolve(memo.windows, image, call.in(1).as<int8_t>(), offsets, output);
  return Code::ok;
}

// Images that are not channels-last, have padding, or whose taps end within a step of the product
// are copied.
bool is_copied(const Call& call, const Windows& windows) {
  const conv::Geometry& g = windows.g;
  return !call.in(0).channels_last() || g.y.is_padded() || g.x.is_padded() ||
         windows.depth() % kDepth != 0;
}

Code check_static(Call& call) {
  namespace op = op::static_conv2d;
  Windows& windows = call.memo<Windows>();
  WTW_CHECK(read(call, attributes_of_static(), names_of_static(), &windows));
  WTW_CHECK(bytes_fit(call, names_of_static(), op::zero_, op::dtype_));
  if (call.out().numel == 0) return Code::ok;
  const int64_t image = is_copied(call, windows) ? windows.image_bytes() : 0;
  WTW_CHECK(image >= 0);
  call.need_scratch(windows.offsets_bytes() + image);
  return Code::ok;
}

Code run_static(Call& call) {
  namespace op = op::static_conv2d;
  if (call.out().numel == 0) return Code::ok;
  const Windows& windows = call.memo<Windows>();
  const conv::Geometry& g = windows.g;
  const Scale scale = {1, 1, static_cast<int32_t>(call.integer(op::zero_))};
  const uint8_t* image = call.in(0).as<uint8_t>();
  if (is_copied(call, windows)) {
    auto* copy = reinterpret_cast<uint8_t*>(call.scratch() + windows.offsets_bytes());
    pad(windows, call.in(0), nullptr, scale.zero, copy);
    image = copy;
  }
  Output output = output_of(call, names_of_static(), g.out_channels, &scale, 0);
  output.residual_scale = static_cast<float>(call.real(op::residual_scale_));
  auto* offsets = reinterpret_cast<ptrdiff_t*>(call.scratch());
  convolve(windows, image, call.in(1).as<int8_t>(), offsets, output);
  return Code::ok;
}

}  // namespace

WTW_KERNEL(quantized_conv2d, check_quantized, run_quantized);
WTW_KERNEL(static_conv2d, check_static, run_static);

}  // namespace wtw
