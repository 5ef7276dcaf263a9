// The block loop: operands anyhow in memory in, a dense output out (see pointwise.h).
#include "kernels/pointwise.h"

#include <algorithm>
#include <cstring>

#include "core/convert.h"
#include "core/simd.h"
#include "kernels/axis.h"
#include "kernels/memory_order.h"
#include "kernels/odometer.h"
#include "kernels/strided_copy.h"

namespace wtw::pointwise {
namespace {

constexpr int64_t kBlockBytes = 8192;           // of each operand: they stay in the nearest cache
constexpr int64_t kRawBytes = 2 * kBlockBytes;  // before conversion: 8 bytes for each float32
constexpr int64_t kVector = 16;
constexpr int64_t kChunk = 16384;  // elements that a thread takes at a time

struct Memo {
  Block function;
  DType compute;
  double parameters[kMaxParameters];
};

// The input's step along an axis of the output; 0 where it is broadcast.
int64_t broadcast_step(const Tensor& in, const Tensor& out, int axis) {
  const int own = axis - (out.rank - in.rank);
  return own < 0 || in.shape[own] == 1 ? 0 : in.stride[own];
}

// Whether the output has the shape that the inputs broadcast to.
bool broadcasts(const Call& call) {
  const Tensor& out = call.out();
  int64_t shape[kMaxRank];
  std::fill_n(shape, kMaxRank, 1);
  for (int i = 0; i < call.inputs(); ++i) {
    const Tensor& in = call.in(i);
    if (in.rank > out.rank) return false;
    for (int own = 0; own < in.rank; ++own) {
      int64_t& size = shape[own + out.rank - in.rank];
      if (in.shape[own] == 1) continue;
      if (size != 1 && size != in.shape[own]) return false;
      size = in.shape[own];
    }
  }
  return std::equal(shape, shape + out.rank, out.shape);
}

// An input's elements in the output's memory order: rows of evenly spaced ones.
class Walk {
 public:
  Walk() = default;
  [[gnu::noinline]] Walk(const Tensor& in, const Tensor& out, const MemoryOrder& order)
      : data_(in.data), item_(size_of(in.dtype)), line_(copy_line(item_)) {
    for (int i = 0; i < order.count; ++i) {
      const int axis = order.axis[i];
      rows_.add(out.shape[axis], {broadcast_step(in, out, axis)});
    }
    row_ = rows_.pop();
    dense_ = rows_.positions() == 1 && (row_.steps[0] == 1 || row_.size == 1);
  }

  bool scalar() const { return rows_.positions() == 1 && row_.steps[0] == 0 && !dense_; }

  // Elements [at, at + n): where they lie if that is one run, else copied to `buffer`.
  [[gnu::noinline]] const std::byte* read(int64_t at, int64_t n, std::byte* buffer) {
    if (dense_) return data_ + at * item_;
    int64_t column = at % row_.size;
    rows_.seek(at / row_.size);
    const std::byte* from = data_ + (rows_[0] + column * row_.steps[0]) * item_;
    if (row_.steps[0] == 1 && column + n <= row_.size) return from;
    for (std::byte* to = buffer; true; column = 0) {
      const int64_t count = std::min(n, row_.size - column);
      line_(to, 1, data_ + (rows_[0] + column * row_.steps[0]) * item_, row_.steps[0], count);
      n -= count;
      if (n == 0) return buffer;
      to += count * item_;
      rows_.next();
    }
  }

 private:
  const std::byte* data_ = nullptr;
  int64_t item_ = 0;
  Line line_ = nullptr;
  Odometer<1> rows_;
  Odometer<1>::Axis row_ = {};
  bool dense_ = false;
};

// Works off ranges of elements, with one worker's scratch memory: blocks of the inputs, one of the
// output, one of an input before conversion.
class Blocks {
 public:
  Blocks(Call& call, int worker)
      : memo_(call.memo<Memo>()),
        out_(call.out()),
        inputs_(call.inputs()),
        size_(size_of(memo_.compute)),
        scratch_(call.worker_scratch(worker)) {
    const MemoryOrder order = memory_order(out_);
    for (int i = 0; i < inputs_; ++i) {
      dtype_[i] = call.in(i).dtype;
      walk_[i] = Walk(call.in(i), out_, order);
    }
  }

  void run(int64_t begin, int64_t end) {
    const int64_t lanes = memo_.compute == DType::float32 ? 4 : 1;
    const int64_t block = kBlockBytes / size_;
    for (int i = 0; i < inputs_; ++i) {
      if (walk_[i].scalar()) splat(i, std::min(block, (end - begin + 3) & ~3));
    }
    for (int64_t at = begin; at < end;) {
      int64_t n = std::min(block, end - at);
      if (n > lanes) n &= -lanes;
      one(at, n, n % lanes != 0);
      at += n;
    }
  }

 private:
  // n elements from `at`. Fewer than a vector holds go through scratch, which has room for one.
  [[gnu::noinline]] void one(int64_t at, int64_t n, bool partial) {
    const void* in[kMaxInputs] = {};
    for (int i = 0; i < inputs_; ++i) in[i] = load(i, at, n, partial);
    std::byte* to = out_.data + at * size_of(out_.dtype);
    const bool direct = out_.dtype == memo_.compute && !partial;
    std::byte* result = direct ? to : buffer(kMaxInputs);
    memo_.function(result, in, partial ? 4 : n, memo_.parameters);
    if (!direct) store_as(out_.dtype, to, memo_.compute, result, n);
  }

  [[gnu::noinline]] const void* load(int i, int64_t at, int64_t n, bool partial) {
    if (walk_[i].scalar()) return buffer(i);
    const bool converted = dtype_[i] == memo_.compute;
    const std::byte* from = walk_[i].read(at, n, converted && !partial ? buffer(i) : raw());
    if (converted && !partial) return from;
    // What is no element decides nothing: functions look at whole vectors.
    if (partial) wasm_v128_store(buffer(i), wasm_i32x4_splat(0));
    load_as(memo_.compute, buffer(i), dtype_[i], from, n);
    return buffer(i);
  }

  void splat(int i, int64_t n) {
    std::byte* block = buffer(i);
    load_as(memo_.compute, block, dtype_[i], walk_[i].read(0, 1, raw()), 1);
    for (int64_t at = size_; at < kVector; at += size_) std::memcpy(block + at, block, size_);
    const v128_t vector = wasm_v128_load(block);
    for (int64_t at = 0; at < n * size_; at += kVector) wasm_v128_store(block + at, vector);
  }

  std::byte* buffer(int i) { return scratch_ + i * kBlockBytes; }
  std::byte* raw() { return buffer(kMaxInputs + 1); }

  const Memo& memo_;
  const Tensor& out_;
  const int inputs_;
  const int64_t size_;  // of an element of the compute type
  std::byte* const scratch_;
  DType dtype_[kMaxInputs];
  Walk walk_[kMaxInputs];
};

}  // namespace

Code check(Call& call, const Functions& functions) {
  constexpr int compute = 0, dtype = 1, parameters = 2;  // attributes
  Memo& memo = call.memo<Memo>();
  memo.compute = call.dtype(compute);
  memo.function = functions.of(memo.compute);
  WTW_CHECK(memo.function != nullptr);
  WTW_CHECK(call.out().dtype == call.dtype(dtype));
  WTW_CHECK(call.inputs() <= kMaxInputs && broadcasts(call));
  const int count = static_cast<int>(call.n_attr) - parameters;
  WTW_CHECK(count <= kMaxParameters);
  for (int i = 0; i < count; ++i) memo.parameters[i] = call.real(parameters + i);
  call.need_worker_scratch((kMaxInputs + 1) * kBlockBytes + kRawBytes);
  return Code::ok;
}

Code run(Call& call) {
  if (call.out().numel == 0) return Code::ok;
  parallel_ranges(call.out().numel, kChunk, [&](int64_t begin, int64_t end, int worker) {
    Blocks(call, worker).run(begin, end);
  });
  return Code::ok;
}

}  // namespace wtw::pointwise
