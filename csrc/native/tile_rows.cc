// For tests of the tiles that other processors have.
#include <algorithm>

#include "api.h"
#include "kernels/gemm.h"

WTW_EXPORT(wtw_set_tile_rows) void wtw_set_tile_rows(int rows) {
  wtw::gemm::tile_rows = std::clamp(rows, wtw::gemm::kRows, wtw::gemm::kMostRows);
}
