// Gates from input, state and packed weights in; a few hidden units' new state out.
#include "kernels/recurrent_cells.h"

#include <algorithm>

#include "core/vmath.h"

namespace wtw::recurrent {
namespace {

using simd::f32x4;

constexpr int64_t kMaxUnits = 32;  // of a panel; gates * units is no more either

constexpr int64_t kVectors = 8;  // of a row's sums

// sums += x * weight, for x of `depth` numbers and weight (depth, 4 * N).
template <int N>
[[gnu::noinline]] void multiply_row(f32x4* result, const float* x, const float* weight,
                                    int64_t depth) {
  f32x4 sum[N];
  std::copy_n(result, N, sum);
  for (int64_t k = 0; k < depth; ++k) {
    const f32x4 factor = simd::load_splat(x++);
    for (int i = 0; i < N; ++i) {
      sum[i] = simd::madd(factor, simd::load(weight + 4 * i), sum[i]);
      simd::pin(sum[i]);
    }
    weight += 4 * N;
  }
  std::copy_n(sum, N, result);
}

// The same for two of the vectors of R rows; `width` is that of the weights.
template <int R>
[[gnu::noinline]] void multiply_rows(f32x4* result, const Step* steps, const float* weight,
                                     ptrdiff_t width, int64_t depth) {
  f32x4 sum[R][2];
  const float* x[R];
  for (int r = 0; r < R; ++r) {
    x[r] = steps[r].before;
    std::copy_n(result + r * kVectors, 2, sum[r]);
  }
  for (const float* end = x[0] + depth; x[0] != end; weight += width) {
    const f32x4 low = simd::load(weight), high = simd::load(weight + 4);
    for (int r = 0; r < R; ++r) {
      const f32x4 factor = simd::load_splat(x[r]++);
      sum[r][0] = simd::madd(factor, low, sum[r][0]);
      sum[r][1] = simd::madd(factor, high, sum[r][1]);
    }
    for (int r = 0; r < R; ++r) {
      simd::pin(sum[r][0]);
      simd::pin(sum[r][1]);
    }
  }
  for (int r = 0; r < R; ++r) std::copy_n(sum[r], 2, result + r * kVectors);
}

// Row by row, a panel passes the registers whole; from four rows on, two of its vectors at a time
// with all rows keep the multipliers busier.
void multiply(f32x4* sums, const Step* steps, int64_t rows, const float* weight, int64_t width,
              int64_t depth) {
  if (rows < 4) {
    const auto multiply = width == 32 ? multiply_row<8> : multiply_row<6>;
    for (int64_t r = 0; r < rows; ++r) {
      multiply(sums + r * kVectors, steps[r].before, weight, depth);
    }
    return;
  }
  const auto multiply = rows == 4   ? multiply_rows<4>
                        : rows == 5 ? multiply_rows<5>
                                    : multiply_rows<6>;
  for (int64_t column = 0; column < width; column += 8) {
    multiply(sums + column / 4, steps, weight + column, width, depth);
  }
}

// Vectors that do not depend on each other, one right after another: alone, each would wait for
// its own long chain of operations.
[[gnu::noinline]] void sigmoid(f32x4* v, int n) {
#pragma clang loop unroll(disable)
  for (int i = 0; i < n; ++i) v[i] = simd::sigmoid(v[i]);
}
[[gnu::noinline]] void tanh(f32x4* v, int n) {
#pragma clang loop unroll(disable)
  for (int i = 0; i < n; ++i) v[i] = simd::tanh(v[i]);
}

f32x4 bias_at(const Step& step, int64_t offset) {
  return step.bias == nullptr ? simd::splat(0) : simd::load(step.bias + offset);
}
f32x4 start_at(const Step& step, int64_t offset) {
  return simd::add(simd::load(step.gates + offset), bias_at(step, offset));
}

// Of eight units, vector 2 * gate + half has four.

void start_lstm(const Step& step, f32x4* sums) {
  for (int i = 0; i < 8; ++i) sums[i] = start_at(step, i / 2 * step.stride + i % 2 * 4);
}

void finish_lstm(const Step& step, f32x4* sums) {
  f32x4 state[2];
  const f32x4 *in = sums, *forget = sums + 2, *fresh = sums + 4, *out = sums + 6;
  sigmoid(sums, 4);
  tanh(sums + 4, 2);
  sigmoid(sums + 6, 2);
  for (int half = 0; half < 2; ++half) {
    float* cell = step.cell + half * 4;
    state[half] = simd::madd(forget[half], simd::load(cell), simd::mul(in[half], fresh[half]));
    simd::store(cell, state[half]);
  }
  tanh(state, 2);
  for (int half = 0; half < 2; ++half) {
    simd::store(step.after + half * 4, simd::mul(out[half], state[half]));
  }
}

// The new gate's hidden part is scaled by the reset gate before the input's part is added.
void start_gru(const Step& step, f32x4* sums) {
  for (int i = 0; i < 4; ++i) sums[i] = start_at(step, i / 2 * step.stride + i % 2 * 4);
  for (int i = 4; i < 6; ++i) sums[i] = bias_at(step, 2 * step.stride + i % 2 * 4);
}

void finish_gru(const Step& step, f32x4* sums) {
  f32x4 fresh[2];
  const f32x4 *reset = sums, *update = sums + 2;
  sigmoid(sums, 4);
  for (int half = 0; half < 2; ++half) {
    const f32x4 input = simd::load(step.gates + 2 * step.stride + half * 4);
    fresh[half] = simd::madd(reset[half], sums[4 + half], input);
  }
  tanh(fresh, 2);
  for (int half = 0; half < 2; ++half) {
    const f32x4 change = simd::sub(simd::load(step.old + half * 4), fresh[half]);
    simd::store(step.after + half * 4, simd::madd(update[half], change, fresh[half]));
  }
}

void start_plain(const Step& step, f32x4* sums) {
  for (int i = 0; i < 8; ++i) sums[i] = start_at(step, i * 4);
}

void start_product(const Step&, f32x4* sums) { std::fill_n(sums, kVectors, simd::splat(0)); }

void finish_product(const Step& step, f32x4* sums) {
  for (int i = 0; i < 8; ++i) simd::store(step.after + i * 4, sums[i]);
}

void finish_tanh(const Step& step, f32x4* sums) {
  tanh(sums, 8);
  finish_product(step, sums);
}

void finish_relu(const Step& step, f32x4* sums) {
  for (int i = 0; i < 8; ++i) sums[i] = wasm_f32x4_max(sums[i], simd::splat(0));
  finish_product(step, sums);
}

void run_panel(const Cell& cell, const Step* steps, int64_t rows, const float* weight,
               int64_t depth) {
  f32x4 sums[kRows * kVectors];
  for (int64_t r = 0; r < rows; ++r) cell.start(steps[r], sums + r * kVectors);
  multiply(sums, steps, rows, weight, cell.width(), depth);
  for (int64_t r = 0; r < rows; ++r) cell.finish(steps[r], sums + r * kVectors);
}

// Zero-padded copies of what belongs to a panel of which only the first units exist.
struct Padded {
  float gates[kMaxUnits] = {}, bias[kMaxUnits] = {}, old[kMaxUnits] = {}, state[kMaxUnits] = {},
        after[kMaxUnits];

  Step take(const Cell& cell, const Step& step, int64_t count) {
    for (int64_t gate = 0; gate < cell.gates; ++gate) {
      const int64_t from = gate * step.stride, to = gate * cell.units;
      if (step.gates != nullptr) std::copy_n(step.gates + from, count, gates + to);
      if (step.bias != nullptr) std::copy_n(step.bias + from, count, bias + to);
    }
    if (step.old != nullptr) std::copy_n(step.old, count, old);
    if (step.cell != nullptr) std::copy_n(step.cell, count, state);
    return {step.before, gates, bias, cell.units, old, state, after};
  }

  void give(const Step& step, int64_t count) const {
    if (step.cell != nullptr) std::copy_n(state, count, step.cell);
    std::copy_n(after, count, step.after);
  }
};

}  // namespace

const Cell kLstm = {4, 8, start_lstm, finish_lstm}, kGru = {3, 8, start_gru, finish_gru},
           kTanh = {1, 32, start_plain, finish_tanh}, kRelu = {1, 32, start_plain, finish_relu},
           kProduct = {1, 32, start_product, finish_product};

void apply_panel(const Cell& cell, const Step* steps, int64_t rows, const float* weight,
                 int64_t depth, int64_t count) {
  if (count >= cell.units) return run_panel(cell, steps, rows, weight, depth);
  Padded padded[kRows];
  Step inside[kRows];
  for (int64_t r = 0; r < rows; ++r) inside[r] = padded[r].take(cell, steps[r], count);
  run_panel(cell, inside, rows, weight, depth);
  for (int64_t r = 0; r < rows; ++r) padded[r].give(steps[r], count);
}

}  // namespace wtw::recurrent
