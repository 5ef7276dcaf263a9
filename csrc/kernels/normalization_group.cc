// group_norm: each group of channels of a sample to mean 0 and variance 1, then a scale and a
// shift a channel.
//
// A dense input is (samples, channels, inner) in memory: a group is one contiguous row. With the
// channels innermost it is (samples, inner, channels): sums run down the columns, for a block of
// whole groups at a time.
#include <cmath>

#include "core/kernel.h"
#include "kernels/axis.h"
#include "kernels/columns.h"
#include "kernels/normalization.h"
#include "ops.h"

namespace wtw {
namespace {

using simd::f32x4;

constexpr int64_t kBlock = 64;  // channels of a block, at least

struct Plan {
  int64_t samples, channels, inner, groups;
  double eps;
  bool channels_innermost;

  int64_t width() const { return channels / groups; }  // channels of a group
  int64_t block_groups() const { return std::clamp<int64_t>(kBlock / width(), 1, groups); }
  int64_t block_width() const { return block_groups() * width(); }
  int64_t blocks() const { return ceil_div(groups, block_groups()); }
};

struct Affine {
  const float *weight, *bias;  // one a channel, or null
};

float inverse_root(const Plan& plan, double sum_of_squares) {
  const double n = static_cast<double>(plan.width() * plan.inner);
  return static_cast<float>(1 / std::sqrt(sum_of_squares / n + plan.eps));
}

// Group `index` of all samples' groups, which is contiguous.
void normalize_group(const Plan& plan, const float* x, float* y, Affine affine, int64_t index) {
  const int64_t n = plan.width() * plan.inner, first = index % plan.groups * plan.width();
  x += index * n;
  y += index * n;
  const float mean = static_cast<float>(rows::sum(x, n) / static_cast<double>(n));
  const float scale = inverse_root(plan, rows::sum_of_squares(x, n, mean));
  const f32x4 center = simd::splat(mean);
  for (int64_t c = 0; c < plan.width(); ++c) {
    const float weight = affine.weight != nullptr ? affine.weight[first + c] : 1;
    const float bias = affine.bias != nullptr ? affine.bias[first + c] : 0;
    const f32x4 slope = simd::splat(scale * weight), shift = simd::splat(bias);
    rows::map(x + c * plan.inner, y + c * plan.inner, plan.inner,
              [&](f32x4 v) { return simd::madd(simd::sub(v, center), slope, shift); });
  }
}

// What a block with the channels innermost keeps in scratch memory, one number a channel; a vector
// may be loaded at any channel.
struct Block {
  double* sums;
  float *mean, *slope, *shift;

  static int64_t padded(int64_t width) { return (width + 7) & ~int64_t{3}; }
  static int64_t bytes(int64_t width) { return padded(width) * 20; }
  Block(std::byte* scratch, int64_t width) : sums(reinterpret_cast<double*>(scratch)) {
    mean = reinterpret_cast<float*>(sums + padded(width));
    slope = mean + padded(width);
    shift = slope + padded(width);
  }
};

// Calls f(first channel, sum over the group's channels of `sums`) for each group of a block.
template <class F>
void for_groups(const Plan& plan, const Block& block, int64_t width, F&& f) {
  for (int64_t c = 0; c < width; c += plan.width()) {
    double total = 0;
    for (int64_t i = c; i < c + plan.width(); ++i) total += block.sums[i];
    f(c, total);
  }
}

// Mean, slope and shift of each channel of x, a matrix of inner x width.
void find_statistics(const Plan& plan, const columns::Matrix& x, Affine affine, Block& block) {
  const double n = static_cast<double>(plan.width() * plan.inner);
  std::fill(block.sums, block.sums + x.width, 0.0);
  columns::add_folds(Fold::sum, x, block.sums);
  for_groups(plan, block, x.width, [&](int64_t c, double total) {
    std::fill(block.mean + c, block.mean + c + plan.width(), static_cast<float>(total / n));
  });
  std::fill(block.sums, block.sums + x.width, 0.0);
  columns::add_squares(x, block.mean, block.sums);
  for_groups(plan, block, x.width, [&](int64_t c, double total) {
    const float scale = inverse_root(plan, total);
    for (int64_t i = c; i < c + plan.width(); ++i) {
      block.slope[i] = affine.weight != nullptr ? scale * affine.weight[i] : scale;
      block.shift[i] = affine.bias != nullptr ? affine.bias[i] : 0;
    }
  });
}

// Block `index` of all samples' blocks, with the channels innermost.
void normalize_block(const Plan& plan, const float* x, float* y, Affine affine, int64_t index,
                     std::byte* scratch) {
  const int64_t blocks = plan.blocks(), first = index % blocks * plan.block_width();
  const int64_t width = std::min(plan.block_width(), plan.channels - first);
  const int64_t at = index / blocks * plan.inner * plan.channels + first;
  if (affine.weight != nullptr) affine.weight += first;
  if (affine.bias != nullptr) affine.bias += first;
  Block block(scratch, plan.block_width());
  find_statistics(plan, {x + at, plan.inner, width, plan.channels}, affine, block);
  for (int64_t r = 0; r < plan.inner; ++r) {
    const float* from = x + at + r * plan.channels;
    float* to = y + at + r * plan.channels;
    auto scale = [&](f32x4 v, int64_t c) {
      f32x4 d = simd::sub(v, simd::load(block.mean + c));
      return simd::madd(d, simd::load(block.slope + c), simd::load(block.shift + c));
    };
    int64_t c = 0;
    for (; c + 4 <= width; c += 4) simd::store(to + c, scale(simd::load(from + c), c));
    if (c == width) continue;
    rows::store_part(to + c, scale(rows::load_part(from + c, width - c, 0), c), width - c);
  }
}

Code check(Call& call) {
  using namespace op::group_norm;
  const Tensor &x = call.in(input_), &y = call.out();
  const int64_t groups = call.integer(groups_);
  WTW_CHECK(x.rank >= 2 && same_layout(x, y) && groups >= 1 && x.shape[1] % groups == 0);
  for (int operand : {weight_, bias_}) {
    WTW_CHECK(!call.has(operand) || call.in(operand).numel == x.shape[1]);
  }
  if (x.numel == 0) return Code::ok;
  const int64_t channels = x.shape[1], inner = x.numel / x.shape[0] / channels;
  const Plan plan = {x.shape[0], channels, inner, groups, call.real(eps_), !x.contiguous()};
  call.memo<Plan>() = plan;
  if (plan.channels_innermost) call.need_worker_scratch(Block::bytes(plan.block_width()));
  return Code::ok;
}

Code run(Call& call) {
  using namespace op::group_norm;
  const Tensor &x = call.in(input_), &y = call.out();
  if (x.numel == 0) return Code::ok;
  const Plan plan = call.memo<Plan>();
  const Affine affine = {call.has(weight_) ? call.in(weight_).as<float>() : nullptr,
                         call.has(bias_) ? call.in(bias_).as<float>() : nullptr};
  const int64_t units = plan.channels_innermost ? plan.blocks() : plan.groups;
  const int64_t size = plan.channels_innermost ? plan.block_width() : plan.width();
  const int64_t grain = normalization::kGrain / (size * plan.inner);
  parallel_ranges(plan.samples * units, grain, [&](int64_t begin, int64_t end, int worker) {
    for (int64_t i = begin; i < end; ++i) {
      if (plan.channels_innermost) {
        normalize_block(plan, x.as<float>(), y.as<float>(), affine, i, call.worker_scratch(worker));
      } else {
        normalize_group(plan, x.as<float>(), y.as<float>(), affine, i);
      }
    }
  });
  return Code::ok;
}
}  // namespace

WTW_KERNEL(group_norm, check, run);

}  // namespace wtw
