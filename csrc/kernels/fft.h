// Transforms of lanes of complex numbers: exp(-2 pi i j k / n), any n.
//
// Factors of 4, 2, 3, 5 and primes up to kMaxRadix are passes of Stockham's method; a length with
// a larger prime is a convolution with a chirp (Bluestein), in transforms of a power of 2.
#pragma once

#include <cstdint>

#include "kernels/fft_lanes.h"

namespace wtw::fft {

inline constexpr int kMaxRadix = 31;
inline constexpr int64_t kMaxLength = int64_t{1} << 26;

// A length in factors; plain data, for a memo.
struct Plan {
  int64_t n = 0;       // the transform's length
  int64_t length = 0;  // of the passes: n, or a power of 2 from 2 n - 1 on
  int32_t count = 0;
  uint8_t radix[32] = {};

  bool is_chirp() const { return length != n; }
  // Numbers of type T in the tables: twiddles of the passes; chirp and its transform.
  int64_t table() const { return 2 * length + (is_chirp() ? 2 * (n + length) : 0); }
  // Vectors of work space: two buffers of complex numbers.
  int64_t work() const { return 4 * length; }
};

// 1 <= n <= kMaxLength.
Plan make_plan(int64_t n);

// table[2 k], table[2 k + 1] = cos, sin of -2 pi k step / n for k < count; rounded from double.
template <class T>
void fill_circle(T* table, int64_t n, int64_t count);

// Once for each run, into plan.table() numbers; `work` as for transform().
template <class L>
void fill_table(const Plan& plan, typename L::T* table, Complex* work);

// The transform of work[0 .. n), which lies in one of the two buffers of plan.length afterwards.
template <class L>
Complex* transform(const Plan& plan, const typename L::T* table, Complex* work);

}  // namespace wtw::fft
