// Attention, recurrent layers and matrix products by shape in, jobs for bench_run out.
#include <cstring>

#include "api.h"
#include "job.h"
#include "ops.h"

namespace wtw {

extern const Kernel kernel_gru_scan, kernel_lstm_scan, kernel_matmul,
    kernel_scaled_dot_product_attention;

namespace {

// (1, heads, length, depth); as one of the three parts of (1, length, 3, heads, depth) if `joint`.
void add_heads(Job& job, int heads, int length, int depth, bool joint) {
  Tensor& t = job.input(Order::dense, {1, (joint ? 3 : 1) * heads, length, depth});
  if (!joint) return;
  t.shape[1] = heads;
  t.numel /= 3;
  t.stride[1] = depth;
  t.stride[2] = 3 * heads * depth;
}

void add_state(Job& job, int64_t gates, int64_t units, int time, int batch, int hidden) {
  const int64_t panels = (hidden + units - 1) / units;
  job.input(Order::dense, {time, batch, gates * hidden});
  job.input(Order::dense, {panels, hidden, gates * units});
  job.input(Order::dense, {gates * hidden});
  job.input(Order::dense, {batch, hidden});
}

}  // namespace
}  // namespace wtw

using namespace wtw;

// mask: 0 none, 1 booleans for every score, 2 floats for every key, 3 none but causal.
WTW_EXPORT(bench_attention)
int bench_attention(int heads, int key_heads, int queries, int keys, int depth, int mask,
                    int joint) {
  Job& job = jobs[n_jobs];
  add_heads(job, heads, queries, depth, joint);
  add_heads(job, key_heads, keys, depth, joint);
  add_heads(job, key_heads, keys, depth, joint);
  if (mask == 1) {
    const Tensor& kept = job.input(Order::dense, {1, 1, queries, keys}, DType::boolean);
    std::memset(kept.data, 1, kept.numel);
  } else if (mask == 2) {
    job.input(Order::dense, {1, 1, 1, keys});
  } else {
    job.absent();
  }
  job.output(Order::dense, {1, queries, heads, depth});
  job.integers({mask == 3});
  job.real(1.0 / __builtin_sqrt(depth));
  job.integers({heads != key_heads});
  job.real(-__builtin_inf());
  job.integers({1});
  return finish(kernel_scaled_dot_product_attention);
}

WTW_EXPORT(bench_lstm) int bench_lstm(int time, int batch, int hidden, int) {
  Job& job = jobs[n_jobs];
  add_state(job, 4, 8, time, batch, hidden);
  job.input(Order::dense, {batch, hidden});
  job.absent();
  job.output(Order::dense, {time, batch, hidden});
  job.output(Order::dense, {batch, hidden});
  job.output(Order::dense, {batch, hidden});
  job.integers({0});
  return finish(kernel_lstm_scan);
}

WTW_EXPORT(bench_gru) int bench_gru(int time, int batch, int hidden, int) {
  Job& job = jobs[n_jobs];
  add_state(job, 3, 8, time, batch, hidden);
  job.output(Order::dense, {time, batch, hidden});
  job.output(Order::dense, {batch, hidden});
  job.integers({0});
  return finish(kernel_gru_scan);
}

// (batch, m, k) times (batch, k, n) or, if `transposed`, its transpose in memory; `shared`: (k, n).
WTW_EXPORT(bench_matmul)
int bench_matmul(int batch, int m, int n, int k, int transposed, int shared, int dtype) {
  Job& job = jobs[n_jobs];
  const auto type = static_cast<DType>(dtype);
  job.input(Order::dense, {batch, m, k}, type);
  Tensor& right = job.input(Order::dense, {shared ? 1 : batch, k, n}, type);
  if (transposed) {
    right.stride[1] = 1;
    right.stride[2] = k;
  }
  job.output(Order::dense, {batch, m, n}, type);
  return finish(kernel_matmul);
}
