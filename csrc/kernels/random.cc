// Random numbers: a state and a counter in, uniformly distributed bits out (see ops/random.py).
#include <algorithm>
#include <bit>

#include "core/convert.h"
#include "core/kernel.h"
#include "kernels/axis.h"
#include "ops.h"

namespace wtw {
namespace {

constexpr int64_t kChunk = 16384;  // elements
constexpr uint64_t kStep = 0x9E3779B97F4A7C15;

// The finaliser of SplitMix64.
uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

// Bits of an element: as many as the dtype's numbers below 1 all have; 63 of an int64.
int digits(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return 24;
    case DType::float64:
      return 53;
    case DType::float16:
      return 11;
    case DType::bfloat16:
      return 8;
    default:
      return 63;
  }
}

Code check(Call& call) {
  const auto size = call.integers(op::random::size_);
  const Tensor& out = call.out();
  WTW_CHECK(call.in(op::random::state_).rank == 0);
  WTW_CHECK(out.dtype == call.dtype(op::random::dtype_));
  WTW_CHECK(std::equal(size.begin(), size.end(), out.shape, out.shape + out.rank));
  return Code::ok;
}

Code run(Call& call) {
  constexpr int64_t kBlock = 256;
  const Tensor& out = call.out();
  if (out.numel == 0) return Code::ok;
  const auto state = static_cast<uint64_t>(*call.in(op::random::state_).as<int64_t>());
  const auto stream = static_cast<uint64_t>(call.integer(op::random::stream_));
  const uint64_t key = mix(mix(state + kStep) + stream);
  const int shift = 64 - digits(out.dtype);
  const double unit = 1 / static_cast<double>(uint64_t{1} << (64 - shift));
  const bool whole = out.dtype == DType::int64;
  parallel_ranges(out.numel, kChunk, [&](int64_t begin, int64_t end, int) {
    union {
      int64_t bits[kBlock];
      double numbers[kBlock];
    };
    for (int64_t at = begin; at < end; at += kBlock) {
      const int64_t n = std::min(kBlock, end - at);
      for (int64_t i = 0; i < n; ++i) {
        const auto drawn = static_cast<int64_t>(mix(key + (at + i) * kStep) >> shift);
        if (whole) {
          bits[i] = drawn;
        } else {
          numbers[i] = drawn * unit;
        }
      }
      std::byte* to = out.data + at * size_of(out.dtype);
      store_as(out.dtype, to, whole ? DType::int64 : DType::float64, bits, n);
    }
  });
  return Code::ok;
}

}  // namespace

WTW_KERNEL(random, check, run);

}  // namespace wtw
