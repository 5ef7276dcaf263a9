// Copies a node's output out, as dense elements: for bisection.
#include <algorithm>
#include <cstring>

#include "core/session.h"

namespace wtw {
namespace {

// The offset of element `flat` in logical order.
int64_t offset_of(const Tensor& tensor, int64_t flat) {
  int64_t offset = 0;
  for (int axis = tensor.rank - 1; axis >= 0; --axis) {
    offset += flat % tensor.shape[axis] * tensor.stride[axis];
    flat /= tensor.shape[axis];
  }
  return offset;
}

// The last axis in a loop of its own: only its first element's offset costs divisions.
void copy_dense(const Tensor& tensor, std::byte* to) {
  const int64_t size = size_of(tensor.dtype);
  const int64_t width = tensor.rank == 0 ? 1 : tensor.size(-1);
  const int64_t step = tensor.rank == 0 ? 1 : tensor.step(-1);
  for (int64_t flat = 0; flat < tensor.numel; flat += width) {
    const std::byte* from = tensor.data + offset_of(tensor, flat) * size;
    if (step == 1) {
      to = std::copy_n(from, width * size, to);
      continue;
    }
    for (int64_t i = 0; i < width; ++i) to = std::copy_n(from + i * step * size, size, to);
  }
}

}  // namespace

Code peek(Session& session, uint32_t program, uint32_t node, uint32_t output, Io* result,
          void* memory, size_t bytes) {
  session.failure = Failure{};
  if (session.run.program != program || node >= session.run.next) {
    return session.failure.code = Code::internal;
  }
  const Call& call = session.bound[program]->calls[node];
  if (output >= call.n_out) return session.failure.code = Code::internal;
  const Tensor& tensor = call.out(static_cast<int>(output));
  if (tensor.rank < 0) return session.failure.code = Code::internal;  // its size is not decided
  describe(tensor, result);
  if (result->bytes <= bytes) copy_dense(tensor, static_cast<std::byte*>(memory));
  return Code::ok;
}

}  // namespace wtw
