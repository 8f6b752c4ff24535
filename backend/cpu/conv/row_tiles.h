// How the rows of a product, the result channels of a group, and its depth are cut for the tile
// loops.
#pragma once
#include <algorithm>

#include "cpu/conv/kernels.h"

namespace mp::cpu::conv {

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Tiles of about equal height.
struct RowTiles {
  int64_t m, count;
  int vectors;
  explicit RowTiles(int64_t m)
      : m(m), count(ceil_div(m, kTileRows)), vectors(m > kTileRows ? 2 : kTileVectorsFor[m]) {}
  int64_t begin(int64_t tile) const { return tile * m / count; }
  int64_t height(int64_t tile) const { return begin(tile + 1) - begin(tile); }
};

// The parts that the depth is summed in: the panels of one stay in the L1 cache, and chains of
// additions are short enough for errors within twice those of PyTorch.
struct DepthParts {
  static constexpr int64_t kMost = 192;
  int64_t depth, count;
  explicit DepthParts(int64_t depth)
      : depth(depth), count(std::max<int64_t>(ceil_div(depth, kMost), 1)) {}
  int64_t begin(int64_t part) const { return part * depth / count; }
  int64_t of(int64_t k) const {
    int64_t part = 0;
    while (part + 1 < count && begin(part + 1) <= k) ++part;
    return part;
  }
};

}  // namespace mp::cpu::conv
