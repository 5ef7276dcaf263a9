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
#include "kernels/rows.h"
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

// One row of the batch at one step. `bias` may be null; `cell` is the LSTM's.
struct Step {
  const float* gates;
  const float* bias;
  const float* before;  // hidden state, of the weights' depth
  float* after;
  float* cell;
  int64_t hidden;
};

f32x4 load_some(const float* x, int64_t n) {
  return n >= 4 ? simd::load(x) : rows::load_part(x, std::max<int64_t>(n, 0), 0);
}

void store_some(float* x, f32x4 v, int64_t n) {
  if (n >= 4) return simd::store(x, v);
  if (n > 0) rows::store_part(x, v, n);
}

// What the input and the bias add to units [unit, unit + 4) of a gate.
f32x4 bias_at(const Step& step, int64_t gate, int64_t unit) {
  if (step.bias == nullptr) return simd::splat(0);
  return load_some(step.bias + gate * step.hidden + unit, step.hidden - unit);
}
f32x4 gate_at(const Step& step, int64_t gate, int64_t unit) {
  return load_some(step.gates + gate * step.hidden + unit, step.hidden - unit);
}
f32x4 start_at(const Step& step, int64_t gate, int64_t unit) {
  return simd::add(gate_at(step, gate, unit), bias_at(step, gate, unit));
}

// Cells say how the gates of `kUnits` hidden units become their new state; vector 2 * gate + half
// has four units of a gate.
struct Lstm {
  static constexpr int64_t kUnits = 8, kVectors = 8, kGateCount = 4;

  static void start(f32x4* acc, const Step& step, int64_t unit) {
    for (int i = 0; i < 8; ++i) acc[i] = start_at(step, i / 2, unit + i % 2 * 4);
  }
  static void finish(const f32x4* acc, const Step& step, int64_t unit) {
    for (int half = 0; half < 2; ++half, unit += 4) {
      const f32x4 in = simd::sigmoid(acc[half]), forget = simd::sigmoid(acc[2 + half]);
      const f32x4 fresh = simd::tanh(acc[4 + half]), out = simd::sigmoid(acc[6 + half]);
      const int64_t n = step.hidden - unit;
      const f32x4 old = load_some(step.cell + unit, n);
      const f32x4 cell = simd::add(simd::mul(forget, old), simd::mul(in, fresh));
      store_some(step.cell + unit, cell, n);
      store_some(step.after + unit, simd::mul(out, simd::tanh(cell)), n);
    }
  }
};

struct Gru {
  static constexpr int64_t kUnits = 8, kVectors = 6, kGateCount = 3;

  // The new gate's hidden part is scaled by the reset gate before the input's part is added.
  static void start(f32x4* acc, const Step& step, int64_t unit) {
    for (int i = 0; i < 4; ++i) acc[i] = start_at(step, i / 2, unit + i % 2 * 4);
    for (int i = 4; i < 6; ++i) acc[i] = bias_at(step, 2, unit + i % 2 * 4);
  }
  static void finish(const f32x4* acc, const Step& step, int64_t unit) {
    for (int half = 0; half < 2; ++half, unit += 4) {
      const f32x4 reset = simd::sigmoid(acc[half]), update = simd::sigmoid(acc[2 + half]);
      const f32x4 fresh =
          simd::tanh(simd::add(gate_at(step, 2, unit), simd::mul(reset, acc[4 + half])));
      const int64_t n = step.hidden - unit;
      const f32x4 old = load_some(step.before + unit, n);
      const f32x4 state = simd::add(simd::mul(update, simd::sub(old, fresh)), fresh);
      store_some(step.after + unit, state, n);
    }
  }
};

struct Plain {
  static constexpr int64_t kUnits = 32, kVectors = 8, kGateCount = 1;

  static void start(f32x4* acc, const Step& step, int64_t unit) {
    for (int i = 0; i < 8; ++i) acc[i] = start_at(step, 0, unit + i * 4);
  }
  template <class F>
  static void finish_with(const f32x4* acc, const Step& step, int64_t unit, F&& f) {
    for (int i = 0; i < 8; ++i, unit += 4) {
      store_some(step.after + unit, f(acc[i]), step.hidden - unit);
    }
  }
};

struct RnnTanh : Plain {
  static void finish(const f32x4* acc, const Step& step, int64_t unit) {
    finish_with(acc, step, unit, [](f32x4 x) { return simd::tanh(x); });
  }
};

struct RnnRelu : Plain {
  static void finish(const f32x4* acc, const Step& step, int64_t unit) {
    finish_with(acc, step, unit, [](f32x4 x) { return wasm_f32x4_max(x, simd::splat(0)); });
  }
};

// A product with packed weights and nothing else: an LSTM's projection.
struct Product : Plain {
  static void start(f32x4* acc, const Step&, int64_t) { std::fill_n(acc, 8, simd::splat(0)); }
  static void finish(const f32x4* acc, const Step& step, int64_t unit) {
    finish_with(acc, step, unit, [](f32x4 x) { return x; });
  }
};

// weight: (depth, kVectors * 4), the panel of units [unit, unit + kUnits).
template <class Cell>
void panel(const Step& step, const float* weight, int64_t depth, int64_t unit) {
  f32x4 acc[Cell::kVectors];
  Cell::start(acc, step, unit);
  const float* before = step.before;
  for (int64_t k = 0; k < depth; ++k) {
    const f32x4 x = simd::load_splat(before++);
    for (int i = 0; i < Cell::kVectors; ++i) {
      acc[i] = simd::madd(x, simd::load(weight + 4 * i), acc[i]);
      simd::pin(acc[i]);
    }
    weight += 4 * Cell::kVectors;
  }
  Cell::finish(acc, step, unit);
}

// A scan at concrete sizes: hidden units, depth of the state (less with a projection).
template <class Cell>
struct Scan {
  const Call& call;
  const int64_t time, batch, depth, hidden, panels;
  const bool reverse, projects;

  Scan(const Call& c, bool reversed)
      : call(c),
        time(c.in(kGates).shape[0]),
        batch(c.in(kGates).shape[1]),
        depth(c.in(kH0).shape[1]),
        hidden(c.in(kGates).shape[2] / Cell::kGateCount),
        panels((hidden + Cell::kUnits - 1) / Cell::kUnits),
        reverse(reversed),
        projects(c.has(kProjection)) {}

  float* output(int64_t t, int64_t row) const {
    return call.out(kOutput).as<float>() + (t * batch + row) * depth;
  }

  const float* state_before(int64_t s, int64_t row) const {
    if (s > 0) return output(reverse ? time - s : s - 1, row);
    return call.in(kH0).as<float>() + row * call.in(kH0).stride[0];
  }

  // Row `row` at the s-th step in the scan's direction.
  Step step(int64_t s, int64_t row) const {
    const Tensor& gates = call.in(kGates);
    const int64_t t = reverse ? time - 1 - s : s;
    float* hidden_row = reinterpret_cast<float*>(call.scratch()) + row * hidden;
    return {gates.as<float>() + t * gates.stride[0] + row * gates.stride[1],
            call.has(kBias) ? call.in(kBias).as<float>() : nullptr,
            state_before(s, row),
            projects ? hidden_row : output(t, row),
            call.outputs() > kC ? call.out(kC).as<float>() + row * hidden : nullptr,
            hidden};
  }

  void apply(int64_t s, int64_t first, int64_t last, int64_t row, int64_t rows) const {
    const float* weight = call.in(kWeight).as<float>();
    for (int64_t p = first; p < last; ++p) {
      const float* packed = weight + p * depth * Cell::kVectors * 4;
      for (int64_t b = row; b < rows; ++b) panel<Cell>(step(s, b), packed, depth, p * Cell::kUnits);
    }
  }

  void project(int64_t s, int64_t row, int64_t rows) const {
    const float* weight = call.in(kProjection).as<float>();
    for (int64_t b = row; b < rows; ++b) {
      const Step from = step(s, b);
      const Step to = {nullptr, nullptr, from.after, output(reverse ? time - 1 - s : s, b),
                       nullptr, depth};
      for (int64_t unit = 0; unit < depth; unit += Product::kUnits) {
        panel<Product>(to, weight + unit * hidden, hidden, unit);
      }
    }
  }

  // Rows of the batch go their own way through time; a single row shares out wide layers' panels.
  void run() const {
    const int64_t products = std::max<int64_t>(depth, 1) * Cell::kVectors * 4;
    const int64_t grain = batch > 1 ? panels : kProductsPerChunk / products;
    parallel_ranges(batch, std::clamp<int64_t>(batch / 8, 1, 4),
                    [&](int64_t row, int64_t rows, int) {
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

int64_t panels_of(int64_t hidden, int64_t units) { return (hidden + units - 1) / units; }

template <class Cell>
Code check(Call& call) {
  const Tensor& gates = call.in(kGates);
  const Tensor& h0 = call.in(kH0);
  WTW_CHECK(gates.rank == 3 && h0.rank == 2 && gates.shape[2] % Cell::kGateCount == 0);
  const int64_t batch = gates.shape[1], hidden = gates.shape[2] / Cell::kGateCount;
  const int64_t depth = h0.shape[1];
  WTW_CHECK(
      is_shape(call.in(kWeight), {panels_of(hidden, Cell::kUnits), depth, Cell::kVectors * 4}));
  WTW_CHECK(!call.has(kBias) || is_shape(call.in(kBias), {gates.shape[2]}));
  WTW_CHECK(h0.shape[0] == batch);
  WTW_CHECK(is_shape(call.out(kOutput), {gates.shape[0], batch, depth}));
  WTW_CHECK(is_shape(call.out(kH), {batch, depth}));
  if (call.has(kProjection)) {
    WTW_CHECK(is_shape(call.in(kProjection),
                       {panels_of(depth, Product::kUnits), hidden, Product::kVectors * 4}));
    call.need_scratch(batch * hidden * static_cast<int64_t>(sizeof(float)));
  } else {
    WTW_CHECK(depth == hidden);
  }
  return Code::ok;
}

Code check_lstm(Call& call) {
  const Tensor& gates = call.in(kGates);
  if (const Code code = check<Lstm>(call); code != Code::ok) return code;
  WTW_CHECK(is_shape(call.in(kC0), {gates.shape[1], gates.shape[2] / 4}));
  WTW_CHECK(is_shape(call.out(kC), {gates.shape[1], gates.shape[2] / 4}));
  return Code::ok;
}

// Scans, then copies the last state of every row to `h`.
template <class Cell>
Code scan(Call& call, bool reverse) {
  const Scan<Cell> all(call, reverse);
  const Tensor& h = call.out(kH);
  all.run();
  for (int64_t row = 0; row < all.batch; ++row) {
    std::memcpy(h.as<float>() + row * all.depth, all.state_before(all.time, row),
                all.depth * sizeof(float));
  }
  return Code::ok;
}

Code run_lstm(Call& call) {
  copy_tensor(call.out(kC), call.in(kC0));
  return scan<Lstm>(call, call.flag(op::lstm_scan::reverse_));
}

Code run_gru(Call& call) { return scan<Gru>(call, call.flag(op::gru_scan::reverse_)); }

Code run_rnn(Call& call) {
  using Nonlinearity = op::rnn_scan::Nonlinearity;
  const bool reverse = call.flag(op::rnn_scan::reverse_);
  const auto kind = static_cast<Nonlinearity>(call.integer(op::rnn_scan::nonlinearity_));
  return kind == Nonlinearity::tanh ? scan<RnnTanh>(call, reverse) : scan<RnnRelu>(call, reverse);
}

}  // namespace

WTW_KERNEL(lstm_scan, check_lstm, run_lstm);
WTW_KERNEL(gru_scan, check<Gru>, run_gru);
WTW_KERNEL(rnn_scan, check<Plain>, run_rnn);

}  // namespace wtw
