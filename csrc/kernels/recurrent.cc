// The gates that a recurrent layer's input gives for all steps in; hidden states step by step out.
//
// A panel of weights is applied to a tile of the batch before the next one is touched. Workers
// share out the panels of every step: the result of one does not depend on who computes it.
#include <algorithm>
#include <atomic>
#include <cstring>

#include "core/kernel.h"
#include "kernels/axis.h"
#include "kernels/recurrent_cells.h"
#include "kernels/strided_copy.h"
#include "ops.h"

namespace wtw {
namespace {

using recurrent::apply_panel, recurrent::Cell, recurrent::Step;
using recurrent::kGru, recurrent::kLstm, recurrent::kProduct, recurrent::kRelu, recurrent::kRows,
    recurrent::kTanh;

constexpr int64_t kProductsPerShare = 60'000;  // at least: 6 us

// The first operands of all three rows are the same; the LSTM has more.
constexpr int kGates = op::lstm_scan::gates_, kWeight = op::lstm_scan::weight_,
              kBias = op::lstm_scan::bias_, kH0 = op::lstm_scan::h0_, kC0 = op::lstm_scan::c0_,
              kProjection = op::lstm_scan::projection_;
constexpr int kOutput = 0, kH = 1, kC = 2;
static_assert(int{op::gru_scan::h0_} == kH0 && int{op::rnn_scan::h0_} == kH0);

// Shares out panels, step after step. A worker gets the same share in every step that it is there
// in time for, so that its part of the weights stays in its core's cache.
class Shares {
 public:
  explicit Shares(int64_t count) : count_(count) {}

  // f(first, last) for ranges that make up [0, panels).
  template <class F>
  void run(int64_t panels, F&& f) {
    if (count_ == 1) return f(0, panels);
    ++step_;
    pool::parallel(count_, [&](int64_t, int worker) {
      const int64_t share = take(worker);
      f(share * panels / count_, (share + 1) * panels / count_);
    });
  }

 private:
  // One that nobody has taken in this step, which asks once for each.
  int64_t take(int worker) {
    int64_t share = worker % count_;
    while (taken_[share].exchange(step_) == step_) share = (share + 1) % count_;
    return share;
  }

  int64_t count_;
  uint32_t step_ = 0;
  std::atomic<uint32_t> taken_[pool::kMaxWorkers] = {};  // the last step in which each share was
};

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

  // Units from `unit` on of the projected state.
  Step projection(int64_t s, int64_t row, int64_t unit) const {
    float* after = output(reverse ? time - 1 - s : s, row) + unit;
    return {unprojected(row), nullptr, nullptr, 0, nullptr, nullptr, after};
  }

  // Panels [first, last) of the s-th step, or of its projection.
  void apply(bool project, int64_t s, int64_t first, int64_t last, int64_t row,
             int64_t rows) const {
    const Cell& chosen = project ? kProduct : cell;
    const int64_t length = project ? hidden : depth, units = project ? depth : hidden;
    const float* weight = call.in(project ? kProjection : kWeight).as<float>();
    for (int64_t p = first; p < last; ++p) {
      const int64_t unit = p * chosen.units;
      Step steps[kRows];
      for (int64_t b = row; b < rows; ++b) {
        steps[b - row] = project ? projection(s, b, unit) : step(s, b, unit);
      }
      const float* panel = weight + p * length * chosen.width();
      apply_panel(chosen, steps, rows - row, panel, length, units - unit);
    }
  }

  // Tiles of the batch go their own way through time; a single one is shared out step by step.
  void run() const {
    const int64_t panels = cell.panels(hidden), tiles = ceil_div(batch, kRows);
    const int64_t worth = batch * depth * cell.width() * panels / kProductsPerShare;
    const int64_t most = tiles > 1 ? 1 : std::min<int64_t>(panels, pool::workers());
    pool::parallel(tiles, [&](int64_t tile, int) {
      const int64_t row = tile * batch / tiles, rows = (tile + 1) * batch / tiles;
      Shares shares(std::clamp<int64_t>(worth, 1, most));
      for (int64_t s = 0; s < time; ++s) {
        for (int project = 0; project <= int{projects}; ++project) {
          const int64_t count = project ? kProduct.panels(depth) : panels;
          shares.run(count, [&](int64_t first, int64_t last) {
            apply(project, s, first, last, row, rows);
          });
        }
      }
    });
  }
};

Code check(Call& call, const Cell& cell) {
  const Tensor& gates = call.in(kGates);
  const Tensor& h0 = call.in(kH0);
  WTW_CHECK(gates.rank == 3 && h0.rank == 2 && gates.shape[2] % cell.gates == 0);
  const int64_t batch = gates.shape[1], hidden = gates.shape[2] / cell.gates;
  const int64_t depth = h0.shape[1];
  WTW_CHECK(hidden > 0 && depth > 0);
  WTW_CHECK(has_shape(call.in(kWeight), {cell.panels(hidden), depth, cell.width()}));
  WTW_CHECK(!call.has(kBias) || has_shape(call.in(kBias), {gates.shape[2]}));
  WTW_CHECK(h0.shape[0] == batch);
  WTW_CHECK(has_shape(call.out(kOutput), {gates.shape[0], batch, depth}));
  WTW_CHECK(has_shape(call.out(kH), {batch, depth}));
  WTW_CHECK(call.has(kProjection) || depth == hidden);
  return Code::ok;
}

Code check_lstm(Call& call) {
  if (const Code code = check(call, kLstm); code != Code::ok) return code;
  const Tensor& gates = call.in(kGates);
  const int64_t hidden = gates.shape[2] / kLstm.gates, depth = call.in(kH0).shape[1];
  WTW_CHECK(has_shape(call.in(kC0), {gates.shape[1], hidden}));
  WTW_CHECK(has_shape(call.out(kC), {gates.shape[1], hidden}));
  if (!call.has(kProjection)) return Code::ok;
  WTW_CHECK(has_shape(call.in(kProjection), {kProduct.panels(depth), hidden, kProduct.width()}));
  call.need_scratch(call.in(kC0).numel * static_cast<int64_t>(sizeof(float)));
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
