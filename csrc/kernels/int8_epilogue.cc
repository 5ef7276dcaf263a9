// A call's operands and attributes in, what becomes of its product's sums out.
#include "kernels/int8_epilogue.h"

#include <algorithm>
#include <array>

namespace wtw::int8 {
bool columns_fit(const Call& call, const Names& names, int64_t n) {
  const std::array<int, 3> each = {names.scale, names.sums, names.bias};
  return std::all_of(each.begin(), each.end(), [&](int i) {
    const Tensor& t = call.in(i);
    return t.rank == 1 && t.size(0) == ceil_div(n, kColumns) * kColumns;
  });
}

bool bytes_fit(const Call& call, const Names& names, int zero, int dtype) {
  const Tensor& y = call.out();
  const Epilogue epilogue = epilogue_of(call, names.bias, names.activation, names.low, names.high);
  return call.integer(zero) >= 0 && call.integer(zero) <= kMost && y.dtype == call.dtype(dtype) &&
         (y.dtype == DType::float32 || !activates(epilogue));
}

Output output_of(const Call& call, const Names& names, int64_t n, const Scale* scales,
                 int64_t rows_of_scale) {
  const Tensor& y = call.out();
  Output o = {.place = {nullptr, nullptr, nullptr, nullptr, static_cast<ptrdiff_t>(n)},
              .columns = {call.in(names.scale).as<float>(), call.in(names.sums).as<int32_t>(),
                          call.in(names.bias).as<float>()},
              .scales = scales,
              .rows_of_scale = rows_of_scale,
              .epilogue = epilogue_of(call, names.bias, names.activation, names.low, names.high)};
  if (call.has(names.residual)) {
    const Tensor& residual = call.in(names.residual);
    const bool is_bytes = residual.dtype == DType::uint8;
    o.place.residual = is_bytes ? nullptr : residual.as<float>();
    o.place.residual_bytes = is_bytes ? residual.as<uint8_t>() : nullptr;
  }
  if (y.dtype == DType::uint8) {
    o.place.out_bytes = y.as<uint8_t>();
    o.bounds = {true, std::max(o.bounds.low, 0.0f), std::min<float>(o.bounds.high, kMost)};
  } else {
    o.place.out = y.as<float>();
  }
  return o;
}

}  // namespace wtw::int8
