// Convolutions of 1 to 3 spatial axes over plain pointers: forward, and the gradients of data and
// weights. See Note [Convolution algorithms].
// - Arrays are contiguous: data (batch, channels, spatial…), or (batch, spatial…, channels) when
//   channels_last; weights (out_channels, in_channels / groups, kernel…), or (out_channels,
//   kernel…, in_channels / groups). Types: float32, float64, float16 and bfloat16, the last two
//   computed in float32 and rounded once.
// - Results do not depend on the number of threads. Nothing here needs Python or throws anything
//   but std::bad_alloc.
// - Workspace: the weights once more (16/9 times for 3x3 kernels), and for each thread a padded
//   copy of the data that it works on and its results, of one image or 4 MiB at most, or for
//   Winograd 18 KiB a channel of data and results (float32) where that is more; for weight
//   gradients also up to 16 MiB of partial sums, or one set. A thread keeps up to 32 MiB of it.
//   Weights with a stamp stay packed for later calls, 256 MiB of all weights at most (packed.h).
#pragma once
#include <array>
#include <cstdint>

#include "core/dtype.h"

namespace mp::cpu::conv {

using Extents = std::array<int64_t, 3>;

// Spatial axes stand at the end of the arrays: a 2-D convolution has 1 in front.
struct Shape {
  int64_t batch = 1, groups = 1, in_channels = 1, out_channels = 1;
  Extents in{1, 1, 1}, kernel{1, 1, 1}, out{1, 1, 1};
  Extents stride{1, 1, 1}, dilation{1, 1, 1}, pad{0, 0, 0};  // pad: before the first element
  bool channels_last = false;

  int64_t macs() const {
    int64_t n = batch * out_channels * (in_channels / groups);
    for (int i = 0; i < 3; ++i) n *= kernel[i] * out[i];
    return n;
  }
};

// Weights, and the stamp (core/stamp.h) by which what is made of them may be kept; 0: it may not.
struct Filter {
  const void* data;
  uint64_t stamp = 0;
};

// What follows the sum before it is rounded and stored.
struct Epilogue {
  const void* bias = nullptr;  // one element a result channel, of the arrays' dtype
  bool relu = false;
};

// `algorithm` names the one to use instead of the first that takes the shape, for tests; false when
// it does not take it, and nothing was computed.
bool forward(const Shape& shape, DType dtype, const void* data, const Filter& weight,
             const Epilogue& epilogue, void* out, const char* algorithm = nullptr);
// Also the forward of a transposed convolution, whose result is the `data` of this shape.
bool data_gradient(const Shape& shape, DType dtype, const void* grad, const Filter& weight,
                   const Epilogue& epilogue, void* data_grad, const char* algorithm = nullptr);
bool weight_gradient(const Shape& shape, DType dtype, const void* data, const void* grad,
                     void* weight_grad, const char* algorithm = nullptr);

}  // namespace mp::cpu::conv
