// The gates that a recurrent layer's input gives for all steps in; hidden states step by step out.
//
// One panel of packed weights (see ops/recurrent.py) yields all gates of a few hidden units in
// eight vectors at most, so that a step ends in registers: product, gates, new state. A panel is
// applied to all rows of the batch before the next one is touched.
#include <algorithm>
#include <cstring>
#include <initializer_list>

#include "core/kernel.h"
#include "core/vmath.h"
#include "kernels/axis.h"
#include "kernels/strided_copy.h"
#include "ops.h"

namespace wtw {
namespace {

using simd::f32x4;

constexpr int64_t kProductsPerChunk = 400'000;

// The first operands of all three rows are the same; the LSTM has more.
constexpr int kGates = op::lstm_scan::gates_, kWeight = op::lstm_scan::weight_,
              kBias = op::lstm_scan::bias_, kH0 = op::lstm_scan::h0_, kC0 = op::lstm_scan::c0_,
              kProjection = op::lstm_scan::projection_;
constexpr int kOutput = 0, kH = 1, kC = 2;
static_assert(int{op::gru_scan::h0_} == kH0 && int{op::rnn_scan::h0_} == kH0);

constexpr int64_t kMaxUnits = 32;  // of a panel; gates * units is no more either

// One panel of one row of the batch at one step: hidden units that lie next to each other.
struct Step {
  const float* before;  // the whole hidden state, of the weights' depth
  const float* gates;   // of the first unit; the gates lie `stride` apart, those of `bias` too
  const float* bias;    // may be null
  int64_t stride;
  const float* old;  // hidden state of these units
  float* cell;       // the LSTM's, of these units
  float* after;      // new hidden state of these units
};

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

struct Cell {
  int64_t gates, units;
  void (*panel)(const Step& step, const float* weight, int64_t depth);

  int64_t panels(int64_t hidden) const { return (hidden + units - 1) / units; }
  int64_t width() const { return gates * units; }
};

constexpr Cell kLstm = {4, 8, lstm_panel}, kGru = {3, 8, gru_panel}, kTanh = {1, 32, tanh_panel},
               kRelu = {1, 32, relu_panel}, kProduct = {1, 32, projection_panel};

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

void apply_panel(const Cell& cell, const Step& step, const float* weight, int64_t depth,
                 int64_t count) {
  if (count < cell.units) return partial_panel(cell, step, weight, depth, count);
  cell.panel(step, weight, depth);
}

// A scan at concrete sizes: hidden units, depth of the state (fewer with a projection).
struct Scan {
  const Call& call;
  const Cell& cell;
  const bool reverse, projects;
  const int64_t time, batch, depth, hidden;

  Scan(const Call& c, const Cell& chosen, bool reversed)
      : call(c),
        cell(chosen),
        reverse(reversed),
        projects(c.has(kProjection)),
        time(c.in(kGates).shape[0]),
        batch(c.in(kGates).shape[1]),
        depth(c.in(kH0).shape[1]),
        hidden(c.in(kGates).shape[2] / chosen.gates) {}

  float* output(int64_t t, int64_t row) const {
    return call.out(kOutput).as<float>() + (t * batch + row) * depth;
  }

  const float* state_before(int64_t s, int64_t row) const {
    if (s > 0) return output(reverse ? time - s : s - 1, row);
    return call.in(kH0).as<float>() + row * call.in(kH0).stride[0];
  }

  // Units from `unit` on of row `row` at the s-th step in the scan's direction.
  Step step(int64_t s, int64_t row, int64_t unit) const {
    const Tensor& gates = call.in(kGates);
    const float* before = state_before(s, row);
    const int64_t t = reverse ? time - 1 - s : s;
    return {before,
            gates.as<float>() + t * gates.stride[0] + row * gates.stride[1] + unit,
            call.has(kBias) ? call.in(kBias).as<float>() + unit : nullptr,
            hidden,
            projects ? nullptr : before + unit,
            call.outputs() > kC ? call.out(kC).as<float>() + row * hidden + unit : nullptr,
            (projects ? unprojected(row) : output(t, row)) + unit};
  }

  float* unprojected(int64_t row) const {
    return reinterpret_cast<float*>(call.scratch()) + row * hidden;
  }

  void apply(int64_t s, int64_t first, int64_t last, int64_t row, int64_t rows) const {
    const float* weight = call.in(kWeight).as<float>();
    for (int64_t p = first; p < last; ++p) {
      const int64_t unit = p * cell.units;
      for (int64_t b = row; b < rows; ++b) {
        apply_panel(cell, step(s, b, unit), weight + p * depth * cell.width(), depth,
                    hidden - unit);
      }
    }
  }

  void project(int64_t s, int64_t row, int64_t rows) const {
    const float* weight = call.in(kProjection).as<float>();
    for (int64_t b = row; b < rows; ++b) {
      float* after = output(reverse ? time - 1 - s : s, b);
      for (int64_t unit = 0; unit < depth; unit += kProduct.units) {
        const Step product = {unprojected(b), nullptr, nullptr, 0, nullptr, nullptr, after + unit};
        apply_panel(kProduct, product, weight + unit * hidden, hidden, depth - unit);
      }
    }
  }

  // Rows of the batch go their own way through time; a single row shares out wide layers' panels.
  void run() const {
    const int64_t panels = cell.panels(hidden);
    const int64_t products = std::max<int64_t>(depth, 1) * cell.width();
    const int64_t grain = batch > 1 ? panels : kProductsPerChunk / products;
    const int64_t rows_per_chunk = std::clamp<int64_t>(batch / 4, 1, 4);
    parallel_ranges(batch, rows_per_chunk, [&](int64_t row, int64_t rows, int) {
      for (int64_t s = 0; s < time; ++s) {
        parallel_ranges(panels, grain, [&](int64_t first, int64_t last, int) {
          apply(s, first, last, row, rows);
        });
        if (projects) project(s, row, rows);
      }
    });
  }
};

bool is_shape(const Tensor& t, std::initializer_list<int64_t> shape) {
  return t.rank == static_cast<int>(shape.size()) &&
         std::equal(shape.begin(), shape.end(), t.shape);
}

Code check(Call& call, const Cell& cell) {
  const Tensor& gates = call.in(kGates);
  const Tensor& h0 = call.in(kH0);
  WTW_CHECK(gates.rank == 3 && h0.rank == 2 && gates.shape[2] % cell.gates == 0);
  const int64_t batch = gates.shape[1], hidden = gates.shape[2] / cell.gates;
  const int64_t depth = h0.shape[1];
  WTW_CHECK(is_shape(call.in(kWeight), {cell.panels(hidden), depth, cell.width()}));
  WTW_CHECK(!call.has(kBias) || is_shape(call.in(kBias), {gates.shape[2]}));
  WTW_CHECK(h0.shape[0] == batch);
  WTW_CHECK(is_shape(call.out(kOutput), {gates.shape[0], batch, depth}));
  WTW_CHECK(is_shape(call.out(kH), {batch, depth}));
  if (!call.has(kProjection)) {
    WTW_CHECK(depth == hidden);
    return Code::ok;
  }
  WTW_CHECK(is_shape(call.in(kProjection), {kProduct.panels(depth), hidden, kProduct.width()}));
  call.need_scratch(batch * hidden * static_cast<int64_t>(sizeof(float)));
  return Code::ok;
}

Code check_lstm(Call& call) {
  const Tensor& gates = call.in(kGates);
  if (const Code code = check(call, kLstm); code != Code::ok) return code;
  WTW_CHECK(is_shape(call.in(kC0), {gates.shape[1], gates.shape[2] / kLstm.gates}));
  WTW_CHECK(is_shape(call.out(kC), {gates.shape[1], gates.shape[2] / kLstm.gates}));
  return Code::ok;
}

Code check_gru(Call& call) { return check(call, kGru); }

Code check_rnn(Call& call) { return check(call, kTanh); }

// Scans, then copies the last state of every row to `h`.
Code scan(Call& call, const Cell& cell, bool reverse) {
  const Scan all(call, cell, reverse);
  all.run();
  for (int64_t row = 0; row < all.batch; ++row) {
    std::memcpy(call.out(kH).as<float>() + row * all.depth, all.state_before(all.time, row),
                all.depth * sizeof(float));
  }
  return Code::ok;
}

Code run_lstm(Call& call) {
  copy_tensor(call.out(kC), call.in(kC0));
  return scan(call, kLstm, call.flag(op::lstm_scan::reverse_));
}

Code run_gru(Call& call) { return scan(call, kGru, call.flag(op::gru_scan::reverse_)); }

Code run_rnn(Call& call) {
  using Nonlinearity = op::rnn_scan::Nonlinearity;
  const auto kind = static_cast<Nonlinearity>(call.integer(op::rnn_scan::nonlinearity_));
  const Cell& cell = kind == Nonlinearity::tanh ? kTanh : kRelu;
  return scan(call, cell, call.flag(op::rnn_scan::reverse_));
}

}  // namespace

WTW_KERNEL(lstm_scan, check_lstm, run_lstm);
WTW_KERNEL(gru_scan, check_gru, run_gru);
WTW_KERNEL(rnn_scan, check_rnn, run_rnn);

}  // namespace wtw
