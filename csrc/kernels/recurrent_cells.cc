// Gates from input, state and packed weights in; a few hidden units' new state out.
#include "kernels/recurrent_cells.h"

#include <algorithm>

#include "core/vmath.h"

namespace wtw::recurrent {
namespace {

using simd::f32x4;

constexpr int64_t kMaxUnits = 32;  // of a panel; gates * units is no more either

// acc += x * weight, for x of `depth` numbers and weight (depth, 4 * kVectors).
template <int kVectors>
[[gnu::noinline]] void multiply(f32x4* result, const float* x, const float* weight, int64_t depth) {
  f32x4 acc[kVectors];
  std::copy_n(result, kVectors, acc);
  for (int64_t k = 0; k < depth; ++k) {
    const f32x4 factor = simd::load_splat(x++);
    for (int i = 0; i < kVectors; ++i) {
      acc[i] = simd::madd(factor, simd::load(weight + 4 * i), acc[i]);
      simd::pin(acc[i]);
    }
    weight += 4 * kVectors;
  }
  std::copy_n(acc, kVectors, result);
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

// Panels whose weights are (depth, gates * units). Of eight units, vector 2 * gate + half has four.

void lstm_panel(const Step& step, const float* weight, int64_t depth) {
  f32x4 acc[8], state[2];
  for (int i = 0; i < 8; ++i) acc[i] = start_at(step, i / 2 * step.stride + i % 2 * 4);
  multiply<8>(acc, step.before, weight, depth);
  const f32x4 *in = acc, *forget = acc + 2, *fresh = acc + 4, *out = acc + 6;
  sigmoid(acc, 4);
  tanh(acc + 4, 2);
  sigmoid(acc + 6, 2);
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
void gru_panel(const Step& step, const float* weight, int64_t depth) {
  f32x4 acc[6], fresh[2];
  for (int i = 0; i < 4; ++i) acc[i] = start_at(step, i / 2 * step.stride + i % 2 * 4);
  for (int i = 4; i < 6; ++i) acc[i] = bias_at(step, 2 * step.stride + i % 2 * 4);
  multiply<6>(acc, step.before, weight, depth);
  const f32x4 *reset = acc, *update = acc + 2;
  sigmoid(acc, 4);
  for (int half = 0; half < 2; ++half) {
    const f32x4 input = simd::load(step.gates + 2 * step.stride + half * 4);
    fresh[half] = simd::madd(reset[half], acc[4 + half], input);
  }
  tanh(fresh, 2);
  for (int half = 0; half < 2; ++half) {
    const f32x4 change = simd::sub(simd::load(step.old + half * 4), fresh[half]);
    simd::store(step.after + half * 4, simd::madd(update[half], change, fresh[half]));
  }
}

// 32 units of f(before * weight + gates), or of f(before * weight) where there are no gates.
template <class F>
void plain_panel(const Step& step, const float* weight, int64_t depth, F&& f) {
  f32x4 acc[8] = {};
  for (int i = 0; i < 8 && step.gates != nullptr; ++i) acc[i] = start_at(step, i * 4);
  multiply<8>(acc, step.before, weight, depth);
  f(acc, 8);
  for (int i = 0; i < 8; ++i) simd::store(step.after + i * 4, acc[i]);
}

void tanh_panel(const Step& step, const float* weight, int64_t depth) {
  plain_panel(step, weight, depth, tanh);
}

void relu_panel(const Step& step, const float* weight, int64_t depth) {
  plain_panel(step, weight, depth, [](f32x4* v, int n) {
    for (int i = 0; i < n; ++i) v[i] = wasm_f32x4_max(v[i], simd::splat(0));
  });
}

void projection_panel(const Step& step, const float* weight, int64_t depth) {
  plain_panel(step, weight, depth, [](f32x4*, int) {});
}

// A panel of which only the first `count` units exist: computed in zero-padded copies.
void partial_panel(const Cell& cell, const Step& step, const float* weight, int64_t depth,
                   int64_t count) {
  float gates[kMaxUnits] = {}, bias[kMaxUnits] = {}, old[kMaxUnits] = {}, state[kMaxUnits] = {},
        after[kMaxUnits];
  for (int64_t gate = 0; gate < cell.gates; ++gate) {
    const int64_t from = gate * step.stride, to = gate * cell.units;
    if (step.gates != nullptr) std::copy_n(step.gates + from, count, gates + to);
    if (step.bias != nullptr) std::copy_n(step.bias + from, count, bias + to);
  }
  if (step.old != nullptr) std::copy_n(step.old, count, old);
  if (step.cell != nullptr) std::copy_n(step.cell, count, state);
  cell.panel({step.before, gates, bias, cell.units, old, state, after}, weight, depth);
  if (step.cell != nullptr) std::copy_n(state, count, step.cell);
  std::copy_n(after, count, step.after);
}

}  // namespace

const Cell kLstm = {4, 8, lstm_panel}, kGru = {3, 8, gru_panel}, kTanh = {1, 32, tanh_panel},
           kRelu = {1, 32, relu_panel}, kProduct = {1, 32, projection_panel};

void apply_panel(const Cell& cell, const Step& step, const float* weight, int64_t depth,
                 int64_t count) {
  if (count < cell.units) return partial_panel(cell, step, weight, depth, count);
  cell.panel(step, weight, depth);
}

}  // namespace wtw::recurrent
