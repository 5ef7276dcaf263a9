// winograd_conv2d: images (N, C, H, W), transformed weights in; (N, O, OH, OW) out.
//
// Tiles are counted through all images and cut into blocks that stay in the second-level cache:
// transformed, multiplied with some panels of each plane, transformed back. Where blocks are too
// few to share out, the panels are.
#include <cstring>

#include "kernels/conv.h"
#include "kernels/gemm.h"
#include "kernels/winograd.h"

namespace wtw {
namespace {

using namespace gemm;
using conv::Geometry;
using winograd::Transforms;
namespace op = op::winograd_conv2d;
static_assert(int{op::input_} == 0 && int{op::weight_} == 1);  // operands_of

constexpr int64_t kBlockRows = 6;         // row tiles of a product in a block, at most
constexpr int64_t kManyBlocks = 6;        // enough to share them out instead of panels
constexpr int64_t kNearFloats = 4 << 10;  // of a plane's weights that pass all tiles of a block
constexpr int64_t kMaxPanelBlock = 8;
constexpr int64_t kTransformFloats = 2 << 10;  // of a plane: about 10 us
constexpr int64_t kPlanePadding = 16;  // floats: planes a power of two apart would share cache sets

struct Memo {
  Geometry g;
  int64_t outputs;         // of a tile, in each direction
  int64_t tiles_x, tiles;  // in a row of tiles; in all images
  int64_t block_rows;      // row tiles in a block
  int64_t panel_block;     // panels that are multiplied and transformed back together

  const Transforms& transforms() const { return *winograd::transforms(outputs); }
  int64_t blocks() const { return ceil_div(tiles_of(tiles), block_rows); }
  int64_t panels() const { return panels_of(g.out_channels); }
  int64_t panel_blocks() const { return ceil_div(panels(), panel_block); }
  int64_t first_tile(int64_t block) const {
    return first_row(std::min(block * block_rows, tiles_of(tiles)), tiles);
  }
  bool shares_blocks() const { return blocks() >= kManyBlocks; }

  // Floats, of one tile or one plane.
  int64_t depth() const { return ceil_div(g.channels, 4) * 4; }
  int64_t width() const { return panel_block * kPanel; }
  int64_t block_tiles() const { return block_rows * tile_rows; }
  int64_t input_plane() const { return block_tiles() * depth() + kPlanePadding; }
  int64_t output_plane() const { return block_tiles() * width() + kPlanePadding; }

  int64_t input_floats() const { return transforms().planes() * input_plane(); }
  int64_t output_floats() const { return transforms().planes() * output_plane(); }
  int64_t border_floats() const { return transforms().planes() * depth(); }
};

void plan(const Geometry& g, int64_t outputs, Memo* memo) {
  const int64_t across = ceil_div(g.x.out, outputs), down = ceil_div(g.y.out, outputs);
  memo->g = g;
  memo->outputs = outputs;
  memo->tiles_x = across;
  memo->tiles = g.batch * down * across;
  const int64_t rows = tiles_of(memo->tiles);
  memo->block_rows = ceil_div(rows, ceil_div(rows, kBlockRows));
  const int64_t near = kNearFloats / (g.channels * kPanel);
  memo->panel_block = std::clamp<int64_t>(near, 1, std::min(kMaxPanelBlock, memo->panels()));
}

Code check(Call& call) {
  const Tensor &x = call.in(op::input_), &w = call.in(op::weight_), &y = call.out();
  constexpr int64_t ones[2] = {1, 1};
  Geometry g;
  WTW_CHECK(w.rank == 5 && w.size(1) == w.size(2) && w.size(4) == kPanel);
  WTW_CHECK(winograd::transforms(w.size(1) - 2) != nullptr);
  WTW_CHECK(conv::read(x, y, {ones, call.integers(op::padding_), ones}, 3, 3, 1, &g));
  WTW_CHECK(w.size(0) == panels_of(g.out_channels) && w.size(3) == g.channels);
  WTW_CHECK(conv::output_fits(g) && conv::bias_fits(call, op::bias_, g.out_channels));
  if (call.has(op::residual_)) WTW_CHECK(same_shape(call.in(op::residual_), y));
  if (y.numel == 0) return Code::ok;
  WTW_CHECK(w.numel > 0);
  Memo& memo = call.memo<Memo>();
  plan(g, w.size(1) - 2, &memo);
  const int64_t own = memo.border_floats() + memo.output_floats(), input = memo.input_floats();
  call.need_scratch(memo.shares_blocks() ? 0 : input * int64_t{sizeof(float)});
  call.need_worker_scratch((memo.shares_blocks() ? own + input : own) * int64_t{sizeof(float)});
  return Code::ok;
}

struct Work {
  const Memo& memo;
  const Transforms& transforms;
  conv::Operands data;
  Epilogue epilogue;
};

// Where a tile lies: its image, and its first output pixel.
struct Place {
  int64_t image, y, x;

  Place(const Memo& memo, int64_t tile) {
    const int64_t down = ceil_div(memo.g.y.out, memo.outputs), line = tile / memo.tiles_x;
    image = line / down;
    y = line % down * memo.outputs;
    x = tile % memo.tiles_x * memo.outputs;
  }
};

// A copy of the n x n pixels at (top, left) of an image: zeros outside, whole vectors of channels.
void copy_border(const Work& o, int64_t image, int64_t top, int64_t left, float* to) {
  const Geometry& g = o.memo.g;
  const int64_t n = o.transforms.points(), depth = o.memo.depth();
  const int64_t first = std::clamp<int64_t>(-left, 0, n), last = std::min(g.x.in - left, n);
  std::memset(to, 0, n * n * depth * sizeof(float));
  for (int64_t i = std::max<int64_t>(-top, 0); i < std::min(g.y.in - top, n); ++i) {
    const float* row = o.data.image + ((image * g.y.in + top + i) * g.x.in + left) * g.channels;
    for (int64_t j = first; j < last; ++j) {
      std::memcpy(to + (i * n + j) * depth, row + j * g.channels, g.channels * sizeof(float));
    }
  }
}

// Tiles [first, last); `planes` begins with tile `base`.
void transform_inputs(const Work& o, int64_t base, int64_t first, int64_t last, float* border,
                      float* planes) {
  const Memo& memo = o.memo;
  const Geometry& g = memo.g;
  const int64_t n = o.transforms.points(), depth = memo.depth();
  for (int64_t t = first; t < last; ++t) {
    const Place at(memo, t);
    const int64_t top = at.y - g.y.before, left = at.x - g.x.before;
    const bool inside = top >= 0 && left >= 0 && top + n <= g.y.in && left + n <= g.x.in;
    winograd::InputTile tile = {.pixels = border,
                                .row_step = static_cast<ptrdiff_t>(n * depth),
                                .pixel_step = static_cast<ptrdiff_t>(depth),
                                .channels = static_cast<ptrdiff_t>(depth),
                                .planes = planes + (t - base) * depth,
                                .plane_step = static_cast<ptrdiff_t>(memo.input_plane())};
    if (inside && g.channels == depth) {
      tile.pixels = o.data.image + ((at.image * g.y.in + top) * g.x.in + left) * depth;
      tile.row_step = static_cast<ptrdiff_t>(g.x.in * depth);
    } else {
      copy_border(o, at.image, top, left, border);
    }
    o.transforms.input(tile);
  }
}

// All planes of `tiles` tiles with panels [first, last).
void multiply(const Work& o, int64_t tiles, int64_t first, int64_t last, const float* in,
              float* out) {
  const Memo& memo = o.memo;
  const int64_t planes = o.transforms.planes(), plane = memo.g.channels * kPanel;
  for (int64_t p = 0; p < planes; ++p) {
    // Behind the last plane, of a block of several panels, only the last lies in the next block.
    const bool is_last = p + 1 == planes && last == memo.panels();
    winograd::multiply({.left = in + p * memo.input_plane(),
                        .left_stride = static_cast<ptrdiff_t>(memo.depth()),
                        .m = tiles,
                        .panels = o.data.weights + (first * planes + p) * plane,
                        .step = static_cast<ptrdiff_t>(planes * plane),
                        .depth = static_cast<ptrdiff_t>(memo.g.channels),
                        .count = static_cast<ptrdiff_t>(last - first),
                        .out = out + p * memo.output_plane(),
                        .out_stride = static_cast<ptrdiff_t>(memo.width())},
                       is_last ? 0 : static_cast<ptrdiff_t>(plane));
  }
}

void activate(const winograd::OutputTile& tile) {
  if (!activates(tile.epilogue)) return;
  for (ptrdiff_t i = 0; i < tile.rows; ++i) {
    for (ptrdiff_t j = 0; j < tile.columns; ++j) {
      float* pixel = tile.out + i * tile.row_step + j * tile.pixel_step;
      apply_activation(pixel, tile.channels, tile.epilogue);
    }
  }
}

// Channels of panels [first, last) of tiles [base, end).
void transform_outputs(const Work& o, int64_t base, int64_t end, int64_t first, int64_t last,
                       const float* planes) {
  const Memo& memo = o.memo;
  const Geometry& g = memo.g;
  const int64_t channel = first * kPanel;
  for (int64_t t = base; t < end; ++t) {
    const Place at(memo, t);
    const int64_t pixel = (at.image * g.y.out + at.y) * g.x.out + at.x;
    const int64_t offset = pixel * g.out_channels + channel;
    winograd::OutputTile tile = {
        .planes = planes + (t - base) * memo.width(),
        .plane_step = static_cast<ptrdiff_t>(memo.output_plane()),
        .out = o.data.out + offset,
        .residual = o.data.residual ? o.data.residual + offset : nullptr,
        .row_step = static_cast<ptrdiff_t>(g.x.out * g.out_channels),
        .pixel_step = static_cast<ptrdiff_t>(g.out_channels),
        .rows = static_cast<ptrdiff_t>(std::min(memo.outputs, g.y.out - at.y)),
        .columns = static_cast<ptrdiff_t>(std::min(memo.outputs, g.x.out - at.x)),
        .channels = static_cast<ptrdiff_t>(std::min(last * kPanel, g.out_channels) - channel),
        .epilogue = o.epilogue};
    tile.epilogue.bias += channel;
    o.transforms.output(tile);
    activate(tile);
  }
}

// Panel block `index` of the tiles [base, end).
void run_panels(const Work& o, int64_t base, int64_t end, int64_t index, const float* in,
                float* out) {
  const int64_t first = index * o.memo.panel_block;
  const int64_t last = std::min(first + o.memo.panel_block, o.memo.panels());
  multiply(o, end - base, first, last, in, out);
  transform_outputs(o, base, end, first, last, out);
}

void share_blocks(Call& call, const Work& o) {
  const Memo& memo = o.memo;
  pool::parallel(memo.blocks(), [&](int64_t block, int worker) {
    float* border = reinterpret_cast<float*>(call.worker_scratch(worker));
    float *in = border + memo.border_floats(), *out = in + memo.input_floats();
    const int64_t base = memo.first_tile(block), end = memo.first_tile(block + 1);
    transform_inputs(o, base, base, end, border, in);
    for (int64_t i = 0; i < memo.panel_blocks(); ++i) run_panels(o, base, end, i, in, out);
  });
}

void share_panels(Call& call, const Work& o) {
  const Memo& memo = o.memo;
  float* in = reinterpret_cast<float*>(call.scratch());
  const int64_t some = std::max<int64_t>(kTransformFloats / memo.depth(), 1);
  for (int64_t block = 0; block < memo.blocks(); ++block) {
    const int64_t base = memo.first_tile(block), end = memo.first_tile(block + 1);
    pool::parallel(ceil_div(end - base, some), [&](int64_t chunk, int worker) {
      const int64_t first = base + chunk * some;
      transform_inputs(o, base, first, std::min(first + some, end),
                       reinterpret_cast<float*>(call.worker_scratch(worker)), in);
    });
    pool::parallel(memo.panel_blocks(), [&](int64_t index, int worker) {
      float* own = reinterpret_cast<float*>(call.worker_scratch(worker));
      run_panels(o, base, end, index, in, own + memo.border_floats());
    });
  }
}

Code run(Call& call) {
  if (call.out().numel == 0) return Code::ok;
  const Memo& memo = call.memo<Memo>();
  const Work o = {.memo = memo,
                  .transforms = memo.transforms(),
                  .data = conv::operands_of(call, op::residual_),
                  .epilogue = epilogue_of(call, op::bias_, op::activation_, op::low_, op::high_)};
  memo.shares_blocks() ? share_blocks(call, o) : share_panels(call, o);
  return Code::ok;
}

}  // namespace

WTW_KERNEL(winograd_conv2d, check, run);

}  // namespace wtw
