// Copies a node's output out, as dense elements: for bisection.
#include <cstring>

#include "core/session.h"

namespace wtw {
namespace {

// The address of element `flat` in logical order.
const std::byte* element(const Tensor& tensor, int64_t flat) {
  int64_t offset = 0;
  for (int axis = tensor.rank - 1; axis >= 0; --axis) {
    offset += flat % tensor.shape[axis] * tensor.stride[axis];
    flat /= tensor.shape[axis];
  }
  return tensor.data + offset * size_of(tensor.dtype);
}

}  // namespace

Code peek(Session& session, uint32_t program, uint32_t node, uint32_t output, Io* result,
          void* memory, size_t bytes) {
  session.failure = Failure{};
  const Plan& plan = session.model->plan;
  if (session.bound[program] < 0 || node >= plan.programs[program].nodes) {
    return session.failure.code = Code::internal;
  }
  const Call& call = session.bindings[session.bound[program]].calls[node];
  if (output >= call.n_out) return session.failure.code = Code::internal;
  const Tensor& tensor = call.out(static_cast<int>(output));
  const int64_t size = size_of(tensor.dtype);
  result->kind = 0;
  result->dtype = static_cast<uint32_t>(tensor.dtype);
  result->rank = static_cast<uint32_t>(tensor.rank);
  result->bytes = static_cast<uint64_t>(tensor.numel * size);
  std::memcpy(result->shape, tensor.shape, sizeof(int64_t) * result->rank);
  if (result->bytes > bytes) return Code::ok;
  auto* to = static_cast<std::byte*>(memory);
  for (int64_t i = 0; i < tensor.numel; ++i) {
    std::memcpy(to + i * size, element(tensor, i), static_cast<size_t>(size));
  }
  return Code::ok;
}

}  // namespace wtw
