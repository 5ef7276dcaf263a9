// A tensor's axes, kept and reduced, in; tiles of the output and lines of their input out.
#include <algorithm>

#include "core/convert.h"
#include "kernels/axis.h"
#include "kernels/reduction.h"
#include "kernels/strided_copy.h"

namespace wtw::reduction {
namespace {

constexpr int64_t kGrain = 64 << 10;  // elements read by a chunk

// Where lines lie in a tensor: from one to the next, and inside one, in elements.
struct Steps {
  int64_t line, element;
};

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

// Reads count * length <= kBuffer elements, the first at `offset`.
void read_lines(const Tensor& x, int64_t offset, int64_t count, int64_t length, Steps steps,
                DType compute, Buffer& buffer) {
  Buffer gathered;
  const int64_t item = size_of(x.dtype);
  for (int64_t i = 0; i < count; ++i) {
    const std::byte* line = x.data + (offset + i * steps.line) * item;
    if (steps.element != 1) {
      copy_line(item)(gathered.data, 1, line, steps.element, length);
      line = gathered.data;
    }
    load_as(compute, buffer.data + i * length * size_of(compute), x.dtype, line, length);
  }
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
  walk.across = walk.kept.pop();
  walk.columns = walk.across.size > 1 &&
                 (walk.along.size == 1 || distance(walk.across) < distance(walk.along));
  walk.width =
      walk.columns ? kColumns : std::clamp<int64_t>(kBuffer / walk.along.size, 1, kColumns);
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

void for_tiles(const Walk& walk, Callback<Tile> tile) {
  const int64_t across = walk.across.size, width = std::min(across, walk.width);
  const int64_t tiles = ceil_div(across, walk.width);
  const int64_t units = walk.kept.positions() * tiles, grain = kGrain / (walk.count * width);
  parallel_ranges(units, grain, [&](int64_t begin, int64_t end, int) {
    Odometer<1> kept = walk.kept;
    kept.seek(begin / tiles);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i % tiles * walk.width;
      tile({kept[0] + first * walk.across.steps[0], i / tiles * across + first,
            std::min(walk.width, across - first)});
      if (i % tiles == tiles - 1) kept.next();
    }
  });
}

void for_lines(const Tensor& x, const Walk& walk, const Tile& tile, DType compute, bool copy,
               Buffer& buffer, Callback<Lines> use) {
  const bool columns = walk.columns;
  const int64_t along = walk.along.steps[0], across = walk.across.steps[0];
  const Steps steps = columns ? Steps{along, across} : Steps{across, along};
  const bool direct = !copy && x.dtype == compute && steps.element == 1;
  const int64_t most = direct ? walk.along.size : kBuffer / tile.width;
  const auto innermost = [&](int64_t base) {
    for (int64_t first = 0; first < walk.along.size; first += most) {
      const int64_t n = std::min(most, walk.along.size - first);
      const int64_t offset = base + first * along;
      const int64_t count = columns ? n : tile.width, length = columns ? tile.width : n;
      if (direct) {
        use({x.data + offset * size_of(compute), count, length, steps.line, columns});
      } else {
        read_lines(x, offset, count, length, steps, compute, buffer);
        use({buffer.data, count, length, length, columns});
      }
    }
  };
  if (walk.reduced.positions() == 1) return innermost(tile.base);  // spares short lines the copy
  Odometer<1> outer = walk.reduced;
  for (int64_t i = 0; i < outer.positions(); ++i, outer.next()) innermost(tile.base + outer[0]);
}

}  // namespace wtw::reduction
