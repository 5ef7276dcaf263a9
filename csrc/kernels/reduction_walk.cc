// A tensor's axes, kept and reduced, in; the order to walk them and lines of elements out.
#include "kernels/reduction.h"
#include "kernels/strided_copy.h"

namespace wtw::reduction {
namespace {

bool reduces(std::span<const int64_t> dims, int64_t axis) {
  return std::find(dims.begin(), dims.end(), axis) != dims.end();
}

int64_t distance(const Odometer<1>::Axis& axis) { return std::abs(axis.steps[0]); }

// Reduced axes by stride, the tightest innermost: their order changes nothing but speed.
void add_reduced(const Tensor& x, std::span<const int64_t> dims, Odometer<1>& reduced) {
  int64_t order[kMaxRank];
  int n = 0;
  for (int64_t dim : dims) {
    int at = n++;
    for (; at > 0 && std::abs(x.stride[order[at - 1]]) < std::abs(x.stride[dim]); --at) {
      order[at] = order[at - 1];
    }
    order[at] = dim;
  }
  for (int i = 0; i < n; ++i) reduced.add(x.shape[order[i]], {x.stride[order[i]]});
}

}  // namespace

Walk walk_of(const Tensor& x, std::span<const int64_t> dims) {
  Walk walk;
  for (int i = 0; i < x.rank; ++i) {
    if (!reduces(dims, i)) walk.kept.add(x.shape[i], {x.stride[i]});
  }
  add_reduced(x, dims, walk.reduced);
  walk.count = walk.reduced.positions();
  walk.along = walk.reduced.pop();
  Odometer<1> outer = walk.kept;
  const Odometer<1>::Axis across = outer.pop();
  if (across.size > 1 && (walk.along.size == 1 || distance(across) < distance(walk.along))) {
    walk.kept = outer;
    walk.across = across;
  }
  return walk;
}

bool fits(const Tensor& x, std::span<const int64_t> dims, bool keepdim, const Tensor& y) {
  int64_t last = -1;
  for (int64_t dim : dims) {
    if (dim <= last || dim >= x.rank) return false;
    last = dim;
  }
  int rank = 0;
  for (int i = 0; i < x.rank; ++i) {
    if (reduces(dims, i) && !keepdim) continue;
    if (rank >= y.rank || y.shape[rank++] != (reduces(dims, i) ? 1 : x.shape[i])) return false;
  }
  return rank == y.rank;
}

void read_lines(const Tensor& x, int64_t offset, int64_t count, int64_t length, Steps steps,
                DType compute, void* buffer) {
  alignas(16) std::byte gathered[kBuffer * sizeof(int64_t)];
  const int64_t item = size_of(x.dtype);
  for (int64_t i = 0; i < count; ++i) {
    const std::byte* line = x.data + (offset + i * steps.line) * item;
    if (steps.element != 1) {
      copy_line(item)(gathered, 1, line, steps.element, length);
      line = gathered;
    }
    std::byte* to = static_cast<std::byte*>(buffer) + i * length * size_of(compute);
    load_as(compute, to, x.dtype, line, length);
  }
}

}  // namespace wtw::reduction
