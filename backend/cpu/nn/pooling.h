// Pooling windows over up to three spatial axes, for float and double: the largest element with its
// place in the window, sums divided by a count, and the adjoints of both. Everything is dense, no
// Python, callable without the GIL; parallel on the pool, each output computed by one thread in one
// order, so results do not depend on the number of threads.
// - Data is outer x in[0] x in[1] x in[2] x inner: inner is 1 for NCHW, the channels for NHWC.
// - The window of output o along an axis is [begin, end) of the data; it may be empty. Its elements
//   are counted from `origin`, where the window would begin if it were not cut at the border.
// - A place is the element's number in its uncut window, one byte wide if that has at most 256
//   elements, else four.
#pragma once
#include <cstdint>
#include <vector>

#include "core/dtype.h"
#include "cpu/isa.h"

namespace mp::cpu {

struct PoolAxis {
  int64_t in, out, kernel;
  int64_t stride;  // 0: windows at irregular distances
  // Tables of `out` entries. `count` is the axis' factor of the number that a sum is divided by.
  const int64_t *origin, *begin, *end, *count;
  int64_t whole_begin, whole_end;  // the outputs with uncut windows, if the stride is regular
};

struct Pool {
  int64_t outer, inner;
  PoolAxis axis[3];

  int64_t window() const { return axis[0].kernel * axis[1].kernel * axis[2].kernel; }
  bool wide_places() const { return window() > 256; }
  int64_t in_points() const { return axis[0].in * axis[1].in * axis[2].in; }
  int64_t out_points() const { return axis[0].out * axis[1].out * axis[2].out; }
  int64_t rows() const { return outer * axis[0].out * axis[1].out; }
};

// What an axis' windows are; adaptive ones divide the axis evenly, stride and pad are then unused.
struct PoolWindows {
  int64_t in, out, kernel = 1, stride = 1, pad = 0;
  bool adaptive = false;
};
enum class PoolCount { None, Padded, Inside };  // by what a sum is divided

// The tables of the axes, and the Pool that points into them.
class PoolTables {
 public:
  PoolTables(int64_t outer, int64_t inner, const PoolWindows (&windows)[3], PoolCount count);
  PoolTables(const PoolTables&) = delete;
  PoolTables& operator=(const PoolTables&) = delete;
  Pool pool;

 private:
  std::vector<int64_t> tables_[3];
};

// Ranges are of output rows (outer x out[0] x out[1]) for the first two and `pick`, and of slabs of
// the data for the adjoints: outer x the blocks of kPoolChannels channels.
inline constexpr int64_t kPoolChannels = 64;
struct PoolLoops {
  void (*max)(const Pool&, const void* x, void* y, void* places, int64_t begin, int64_t end);
  void (*sum)(const Pool&, const void* x, void* y, int64_t begin, int64_t end);
  void (*pick)(const Pool&, const void* x, const void* places, void* y, int64_t begin, int64_t end);
  void (*spread_max)(const Pool&, const void* dy, const void* places, void* dx, int64_t begin,
                     int64_t end);
  void (*spread_sum)(const Pool&, const void* dy, void* dx, int64_t begin, int64_t end);
};
struct PoolLoopSets {
  PoolLoops f32, f64;
};
MP_DECLARE_PER_ISA(PoolLoopSets, pool_loops)

void pool_max(DType dtype, const Pool& pool, const void* x, void* y, void* places);
void pool_sum(DType dtype, const Pool& pool, const void* x, void* y);
void pool_pick(DType dtype, const Pool& pool, const void* x, const void* places, void* y);
void pool_spread_max(DType dtype, const Pool& pool, const void* dy, const void* places, void* dx);
void pool_spread_sum(DType dtype, const Pool& pool, const void* dy, void* dx);

}  // namespace mp::cpu
