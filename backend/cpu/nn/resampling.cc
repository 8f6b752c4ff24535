#include "cpu/nn/resampling.h"

#include <algorithm>
#include <vector>

#include "engine/pool.h"

namespace mp::cpu {
namespace {

const ResamplingLoops& loops(DType dtype) {
  static const ResamplingLoopSets& best = MP_BEST_ISA(resampling_loops);
  return dtype == DType::F64 ? best.f64 : best.f32;
}

class ResizeTables {
 public:
  explicit ResizeTables(const ResizeSizes& s)
      : plan{s.planes, axis(0, s.in[0], s.out[0], s.align_corners),
             axis(1, s.in[1], s.out[1], s.align_corners)} {}

 private:
  ResizeAxis axis(int i, int64_t in, int64_t out, bool align_corners) {
    Tables& t = tables_[i];
    const size_t n = static_cast<size_t>(out);
    t.low.resize(n), t.high.resize(n), t.w.resize(n);
    const double ends = out > 1 ? static_cast<double>(in - 1) / static_cast<double>(out - 1) : 0;
    const double edges = static_cast<double>(in) / static_cast<double>(out);
    for (size_t o = 0; o < n; ++o) {
      const double at = align_corners ? ends * static_cast<double>(o)
                                      : edges * (static_cast<double>(o) + 0.5) - 0.5;
      const double inside = std::clamp<double>(at, 0, static_cast<double>(in - 1));
      t.low[o] = static_cast<int32_t>(inside);
      t.high[o] = std::min(t.low[o] + 1, static_cast<int32_t>(in - 1));
      t.w[o] = inside - t.low[o];
    }
    return {in, out, t.low.data(), t.high.data(), t.w.data()};
  }
  struct Tables {
    std::vector<int32_t> low, high;
    std::vector<double> w;
  };
  Tables tables_[2];

 public:
  Resize plan;  // after the tables that it points into
};

int64_t blocks(int64_t n, int64_t size) { return (n + size - 1) / size; }

}  // namespace

void resize_bilinear(DType dtype, const ResizeSizes& s, const void* x, void* y) {
  const ResizeTables tables(s);
  const int64_t rows = s.planes * s.out[0];
  pool::parallel_for(rows, std::max<int64_t>(1, 4096 / std::max<int64_t>(s.out[1], 1)),
                     rows * (s.out[1] + s.in[1] / 4), [&](int64_t begin, int64_t end) {
                       std::vector<double> row(static_cast<size_t>(s.in[1]));
                       loops(dtype).resize(tables.plan, x, y, row.data(), begin, end);
                     });
}

void resize_bilinear_grad(DType dtype, const ResizeSizes& s, const void* dy, void* dx) {
  const ResizeTables tables(s);
  pool::parallel_for(s.planes, 1, 2 * s.planes * s.out[0] * (s.out[1] + s.in[1] / 4),
                     [&](int64_t begin, int64_t end) {
                       std::vector<double> row(static_cast<size_t>(s.in[1]));
                       loops(dtype).spread(tables.plan, dy, dx, row.data(), begin, end);
                     });
}

void bilinear_sampler(DType dtype, const Sampler& s, const void* x, const void* grid, void* y) {
  pool::parallel_for(
      s.batch * blocks(s.points, kSamplerPoints), 1, 2 * s.batch * s.points * s.channels,
      [&](int64_t begin, int64_t end) { loops(dtype).sample(s, x, grid, y, begin, end); });
}

void bilinear_sampler_data_grad(DType dtype, const Sampler& s, const void* dy, const void* grid,
                                void* dx) {
  pool::parallel_for(
      s.batch * blocks(s.channels, kSamplerChannels), 1, 4 * s.batch * s.points * s.channels,
      [&](int64_t begin, int64_t end) { loops(dtype).sample_data(s, dy, grid, dx, begin, end); });
}

void bilinear_sampler_grid_grad(DType dtype, const Sampler& s, const void* dy, const void* x,
                                const void* grid, void* dgrid) {
  pool::parallel_for(s.batch * blocks(s.points, kSamplerPoints), 1,
                     2 * s.batch * s.points * s.channels, [&](int64_t begin, int64_t end) {
                       loops(dtype).sample_grid(s, dy, x, grid, dgrid, begin, end);
                     });
}

}  // namespace mp::cpu
