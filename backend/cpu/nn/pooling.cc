#include "cpu/nn/pooling.h"

#include <algorithm>

#include "engine/pool.h"

namespace mp::cpu {
namespace {

const PoolLoops& loops(DType dtype) {
  static const PoolLoopSets& best = MP_BEST_ISA(pool_loops);
  return dtype == DType::F64 ? best.f64 : best.f32;
}

void fill_tables(PoolAxis& axis, const PoolWindows& w, PoolCount count,
                 std::vector<int64_t>& tables) {
  tables.resize(static_cast<size_t>(4 * w.out));
  int64_t *origin = tables.data(), *begin = origin + w.out, *end = begin + w.out,
          *counts = end + w.out;
  axis = {w.in, w.out, w.kernel, w.adaptive ? 0 : w.stride, origin, begin, end, counts, 0, 0};
  if (w.adaptive) axis.kernel = 1;
  bool before = true;
  for (int64_t o = 0; o < w.out; ++o) {
    const int64_t first = w.adaptive ? o * w.in / w.out : o * w.stride - w.pad;
    const int64_t last = w.adaptive ? ((o + 1) * w.in + w.out - 1) / w.out : first + w.kernel;
    origin[o] = first;
    begin[o] = std::clamp<int64_t>(first, 0, w.in);
    end[o] = std::clamp<int64_t>(last, begin[o], w.in);
    const int64_t padded = std::min(last, w.in + w.pad) - first;
    counts[o] = count == PoolCount::None     ? 1
                : count == PoolCount::Padded ? std::max<int64_t>(padded, 1)
                                             : std::max<int64_t>(end[o] - begin[o], 1);
    if (w.adaptive) {
      axis.kernel = std::max(axis.kernel, last - first);
      continue;
    }
    const bool whole = first >= 0 && last <= w.in;
    if (before && !whole) axis.whole_begin = axis.whole_end = o + 1;
    if (whole) axis.whole_end = o + 1, before = false;
  }
}

// Output rows a range holds at least, so that it is worth a hand-over.
int64_t row_grain(const Pool& p) {
  return std::max<int64_t>(1, 4096 / std::max<int64_t>(p.axis[2].out * p.inner * p.window(), 1));
}
int64_t slabs(const Pool& p) { return p.outer * ((p.inner + kPoolChannels - 1) / kPoolChannels); }
int64_t out_ns(const Pool& p) {
  return p.outer * p.out_points() * p.inner * std::max<int64_t>(p.window() / 4, 1);
}
int64_t in_ns(const Pool& p) { return p.outer * p.in_points() * p.inner / 2; }

}  // namespace

PoolTables::PoolTables(int64_t outer, int64_t inner, const PoolWindows (&windows)[3],
                       PoolCount count)
    : pool{outer, inner, {}} {
  for (int d = 0; d < 3; ++d) fill_tables(pool.axis[d], windows[d], count, tables_[d]);
}

void pool_max(DType dtype, const Pool& p, const void* x, void* y, void* places) {
  pool::parallel_for(p.rows(), row_grain(p), out_ns(p), [&](int64_t begin, int64_t end) {
    loops(dtype).max(p, x, y, places, begin, end);
  });
}

void pool_sum(DType dtype, const Pool& p, const void* x, void* y) {
  pool::parallel_for(p.rows(), row_grain(p), out_ns(p),
                     [&](int64_t begin, int64_t end) { loops(dtype).sum(p, x, y, begin, end); });
}

void pool_pick(DType dtype, const Pool& p, const void* x, const void* places, void* y) {
  pool::parallel_for(p.rows(), row_grain(p), out_ns(p), [&](int64_t begin, int64_t end) {
    loops(dtype).pick(p, x, places, y, begin, end);
  });
}

void pool_spread_max(DType dtype, const Pool& p, const void* dy, const void* places, void* dx) {
  pool::parallel_for(slabs(p), 1, in_ns(p), [&](int64_t begin, int64_t end) {
    loops(dtype).spread_max(p, dy, places, dx, begin, end);
  });
}

void pool_spread_sum(DType dtype, const Pool& p, const void* dy, void* dx) {
  pool::parallel_for(slabs(p), 1, in_ns(p), [&](int64_t begin, int64_t end) {
    loops(dtype).spread_sum(p, dy, dx, begin, end);
  });
}

}  // namespace mp::cpu
