// Bilinear resampling of images (planes x height x width, dense, float and double): to another
// size, and at the points of a grid; with the adjoints. No Python, callable without the GIL;
// parallel over planes or points, in an order that does not depend on the number of threads.
// Workspace: one row of the data for each thread.
#pragma once
#include <cstdint>

#include "core/dtype.h"
#include "cpu/isa.h"

namespace mp::cpu {

// Output i along an axis blends the elements at low[i] and high[i] with weights 1 - w[i] and w[i].
struct ResizeAxis {
  int64_t in, out;
  const int32_t *low, *high;
  const double* w;
};
struct Resize {
  int64_t planes;
  ResizeAxis y, x;
};

// Data (batch, channels, height, width); grid (batch, 2, points), x before y, -1 and 1 being the
// centres of the first and the last element. What lies outside the data counts as zero.
struct Sampler {
  int64_t batch, channels, height, width, points;
};
inline constexpr int64_t kSamplerPoints = 256;   // of one block
inline constexpr int64_t kSamplerChannels = 16;  // of one slab of the data's gradient

struct ResamplingLoops {
  void (*resize)(const Resize&, const void* x, void* y, void* row, int64_t begin, int64_t end);
  void (*spread)(const Resize&, const void* dy, void* dx, void* row, int64_t begin, int64_t end);
  // Ranges are of blocks of points, image by image; those of sample_data of slabs of channels.
  void (*sample)(const Sampler&, const void* x, const void* grid, void* y, int64_t begin,
                 int64_t end);
  void (*sample_data)(const Sampler&, const void* dy, const void* grid, void* dx, int64_t begin,
                      int64_t end);
  void (*sample_grid)(const Sampler&, const void* dy, const void* x, const void* grid, void* dgrid,
                      int64_t begin, int64_t end);
};
struct ResamplingLoopSets {
  ResamplingLoops f32, f64;
};
MP_DECLARE_PER_ISA(ResamplingLoopSets, resampling_loops)

struct ResizeSizes {
  int64_t planes, in[2], out[2];
  bool align_corners;  // the first and last elements' centres coincide, else their outer edges do
};
void resize_bilinear(DType dtype, const ResizeSizes& sizes, const void* x, void* y);
void resize_bilinear_grad(DType dtype, const ResizeSizes& sizes, const void* dy, void* dx);
void bilinear_sampler(DType dtype, const Sampler& s, const void* x, const void* grid, void* y);
void bilinear_sampler_data_grad(DType dtype, const Sampler& s, const void* dy, const void* grid,
                                void* dx);
void bilinear_sampler_grid_grad(DType dtype, const Sampler& s, const void* dy, const void* x,
                                const void* grid, void* dgrid);

}  // namespace mp::cpu
