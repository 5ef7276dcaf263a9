// Taps of an axis: the neighbours of each output position, or all that it stands for.
#include "kernels/upsample_taps.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace wtw::upsample {
namespace {

constexpr int kMostBits = 22;
constexpr double kFixedLimit = 1 << 15;

double rounded(double x, const Sampling& sampling) {
  return sampling.single ? static_cast<double>(static_cast<float>(x)) : x;
}

// Half the width of the antialiasing filter, in input positions.
double support(double ratio, Filter filter) {
  return (filter == Filter::cubic ? 2 : 1) * std::max(ratio, 1.0);
}

double linear_at(double x) { return std::max(0.0, 1 - x); }

// Keys' cubic convolution, x >= 0.
double cubic_at(double x, double a) {
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((x - 5) * x + 8) * x * a - 4 * a : 0;
}

// The two or four neighbours; positions outside are those at the border.
int64_t add_neighbours(const Axis& axis, const Sampling& sampling, double ratio, int64_t o,
                       int64_t* index, double* weight) {
  const bool cubic = sampling.filter == Filter::cubic;
  const double step = static_cast<double>(o);
  double at = axis.align_corners ? ratio * step : ratio * (step + 0.5) - 0.5;
  at = rounded(cubic ? at : std::max(at, 0.0), sampling);
  const double low = std::floor(at), t = rounded(at - low, sampling);
  const int taps = cubic ? 4 : 2, before = taps / 2 - 1;
  for (int i = 0; i < taps; ++i) {
    const double distance = std::abs(t - (i - before));
    index[i] = std::clamp<int64_t>(static_cast<int64_t>(low) + i - before, 0, axis.in - 1);
    weight[i] = cubic ? cubic_at(distance, -0.75) : linear_at(distance);
  }
  return taps;
}

// All positions that the filter reaches, inside the input; their weights add up to 1.
int64_t add_covered(const Axis& axis, const Sampling& sampling, double ratio, int64_t o,
                    int64_t most, int64_t* index, double* weight) {
  const double half = rounded(support(ratio, sampling.filter), sampling);
  const double center = rounded(ratio * (static_cast<double>(o) + 0.5), sampling);
  const double inverse = rounded(1 / std::max(ratio, 1.0), sampling);
  const int64_t first = std::max<int64_t>(static_cast<int64_t>(center - half + 0.5), 0);
  const int64_t end = std::min(static_cast<int64_t>(center + half + 0.5), axis.in);
  const int64_t count = std::clamp<int64_t>(end - first, 0, most);
  double total = 0;
  for (int64_t i = 0; i < count; ++i) {
    const double x = std::abs((static_cast<double>(first + i) - center + 0.5) * inverse);
    index[i] = first + i;
    weight[i] = sampling.filter == Filter::cubic ? cubic_at(x, -0.5) : linear_at(x);
    total += weight[i];
  }
  for (int64_t i = 0; i < count && total != 0; ++i) weight[i] /= total;
  return count;
}

// Weights as PyTorch rounds them for 8-bit images: to 1 / 2^bits, with as many bits as leave the
// largest below 2^15. Taps of the same position, at the border, are one.
void fix_weights(const Taps& taps, int64_t out) {
  double largest = 0;
  for (int64_t o = 0; o < out; ++o) {
    const int64_t* index = taps.index + o * taps.most;
    double* weight = taps.weight + o * taps.most;
    for (int64_t k = 1; k < taps.count[o]; ++k) {
      if (index[k] == index[k - 1]) weight[k] += std::exchange(weight[k - 1], 0);
    }
    for (int64_t k = 0; k < taps.count[o]; ++k) largest = std::max(largest, weight[k]);
  }
  int bits = 0;
  while (bits < kMostBits && std::floor(std::ldexp(largest, bits + 1) + 0.5) < kFixedLimit) ++bits;
  for (int64_t o = 0; o < out; ++o) {
    double* weight = taps.weight + o * taps.most;
    for (int64_t k = 0; k < taps.count[o]; ++k) {
      weight[k] = std::ldexp(std::round(std::ldexp(weight[k], bits)), -bits);
    }
  }
}

// Whether PyTorch reads each position of an axis that stays as it is alone: then what weighs
// nothing must not be read either, since 0 * NaN is NaN.
bool stays(const Axis& axis, const Sampling& sampling, double ratio) {
  const bool keys = sampling.filter == Filter::cubic && !sampling.antialias;
  return axis.in == axis.out && ratio == 1 && !keys;
}

}  // namespace

int64_t most_taps(const Axis& axis, const Sampling& sampling) {
  if (!sampling.antialias) return sampling.filter == Filter::cubic ? 4 : 2;
  const double half = std::ceil(support(axis.ratio(), sampling.filter));
  return std::min(axis.in, static_cast<int64_t>(half) * 2 + 1);
}

void find_taps(const Axis& axis, const Sampling& sampling, const Taps& taps) {
  const double ratio = rounded(axis.ratio(), sampling);
  for (int64_t o = 0; o < axis.out; ++o) {
    int64_t* index = taps.index + o * taps.most;
    double* weight = taps.weight + o * taps.most;
    taps.count[o] = sampling.antialias
                        ? add_covered(axis, sampling, ratio, o, taps.most, index, weight)
                        : add_neighbours(axis, sampling, ratio, o, index, weight);
    if (!stays(axis, sampling, ratio)) continue;
    if (sampling.antialias) {
      index[0] = o;
      weight[0] = 1;
      taps.count[o] = 1;
    } else {
      index[1] = o;
    }
  }
  if (sampling.fixed) fix_weights(taps, axis.out);
}

}  // namespace wtw::upsample
