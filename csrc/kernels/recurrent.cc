// The gates that a recurrent layer's input gives for all steps in; hidden states step by step out.
//
// A panel of weights is applied to a tile of the batch before the next one is touched.
#include <algorithm>
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

constexpr int64_t kProductsPerChunk = 400'000;

// The first operands of all three rows are the same; the LSTM has more.
constexpr int kGates = op::lstm_scan::gates_, kWeight = op::lstm_scan::weight_,
              kBias = op::lstm_scan::bias_, kH0 = op::lstm_scan::h0_, kC0 = op::lstm_scan::c0_,
              kProjection = op::lstm_scan::projection_;
constexpr int kOutput = 0, kH = 1, kC = 2;
static_assert(int{op::gru_scan::h0_} == kH0 && int{op::rnn_scan::h0_} == kH0);

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
      Step steps[kRows];
      for (int64_t b = row; b < rows; ++b) steps[b - row] = step(s, b, unit);
      apply_panel(cell, steps, rows - row, weight + p * depth * cell.width(), depth, hidden - unit);
    }
  }

  void project(int64_t s, int64_t row, int64_t rows) const {
    const float* weight = call.in(kProjection).as<float>();
    for (int64_t unit = 0; unit < depth; unit += kProduct.units) {
      Step steps[kRows];
      for (int64_t b = row; b < rows; ++b) {
        float* after = output(reverse ? time - 1 - s : s, b) + unit;
        steps[b - row] = {unprojected(b), nullptr, nullptr, 0, nullptr, nullptr, after};
      }
      apply_panel(kProduct, steps, rows - row, weight + unit * hidden, hidden, depth - unit);
    }
  }

  // Tiles of the batch go their own way through time; a single one shares out wide layers' panels.
  void run() const {
    const int64_t panels = cell.panels(hidden), tiles = ceil_div(batch, kRows);
    const int64_t products = std::max<int64_t>(batch * depth, 1) * cell.width();
    const int64_t grain = tiles > 1 ? panels : kProductsPerChunk / products;
    pool::parallel(tiles, [&](int64_t tile, int) {
      const int64_t row = tile * batch / tiles, rows = (tile + 1) * batch / tiles;
      for (int64_t s = 0; s < time; ++s) {
        parallel_ranges(panels, grain, [&](int64_t first, int64_t last, int) {
          apply(s, first, last, row, rows);
        });
        if (projects) project(s, row, rows);
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
