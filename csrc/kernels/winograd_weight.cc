// winograd_weight: weights (O, 3, 3, I) in; [ceil(O / 8)][n][n][I][8] out, n = tile + 2.
#include "kernels/gemm.h"
#include "kernels/winograd.h"

namespace wtw {
namespace {

using namespace gemm;
namespace op = op::winograd_weight;

constexpr int64_t kChunkElements = 64 << 10;  // of the output

Code check(Call& call) {
  const Tensor &w = call.in(op::weight_), &u = call.out();
  const winograd::Transforms* transforms = winograd::transforms(call.integer(op::tile_));
  WTW_CHECK(transforms && w.rank == 4 && w.size(1) == 3 && w.size(2) == 3);
  const int64_t n = transforms->points();
  const int64_t expected[] = {panels_of(w.size(0)), n, n, w.size(3), kPanel};
  WTW_CHECK(u.rank == 5 && std::equal(expected, expected + 5, u.shape));
  return Code::ok;
}

// Weights (O, 3, 3, I), its panel `index` in; that panel out.
void transform(const Tensor& w, const winograd::Transforms& transforms, int64_t index, float* to) {
  const int64_t channels = w.size(3), first = index * kPanel;
  const float* from = w.as<float>() + first * 9 * channels;
  for (int64_t c = 0; c < channels; c += winograd::kWeightChannels) {
    const int64_t some = std::min(channels - c, winograd::kWeightChannels);
    transforms.weight({.weights = from + c,
                       .output_step = static_cast<ptrdiff_t>(9 * channels),
                       .tap_step = static_cast<ptrdiff_t>(channels),
                       .outputs = static_cast<ptrdiff_t>(w.size(0) - first),
                       .channels = static_cast<ptrdiff_t>(some),
                       .planes = to + c * kPanel,
                       .plane_step = static_cast<ptrdiff_t>(channels * kPanel)});
  }
}

Code run(Call& call) {
  const Tensor &w = call.in(op::weight_), &u = call.out();
  if (u.numel == 0) return Code::ok;
  const winograd::Transforms& transforms = *winograd::transforms(call.integer(op::tile_));
  const int64_t panels = u.size(0), each = u.numel / panels;
  const int64_t block = std::max<int64_t>(kChunkElements / each, 1);
  pool::parallel(ceil_div(panels, block), [&](int64_t chunk, int) {
    for (int64_t p = chunk * block; p < std::min((chunk + 1) * block, panels); ++p) {
      transform(w, transforms, p, u.as<float>() + p * each);
    }
  });
  return Code::ok;
}

}  // namespace

WTW_KERNEL(winograd_weight, check, run);

}  // namespace wtw
