// Gather: what forward and data gradient have in common, one sum over channels and taps:
//   out[n, m, first + q * step] = sum over c, t of weight[m, c, t] * in[n, c, q * in_step + tap(t)]
// where elements of `in` outside its extent are zeros. The data gradient of a convolution with
// stride s is one such sum for each of the s (per axis) residues of the position.
#pragma once
#include <cstdlib>
#include <vector>

#include "cpu/conv/conv.h"

namespace mp::cpu::conv {

struct Axis {
  int64_t out = 1, out_first = 0, out_step = 1;  // results, and where they are stored
  int64_t in = 1, in_step = 1;
  int64_t taps = 1, first = 0, tap_step = 1;  // tap(t) = first + t * tap_step
  int64_t weight_first = 0, weight_step = 1;  // the kernel element of tap t

  int64_t tap(int64_t t) const { return first + t * tap_step; }
  int64_t reach() const { return taps > 0 ? (taps - 1) * std::abs(tap_step) : 0; }
  int64_t lowest() const { return tap_step < 0 ? tap(taps - 1) : first; }
  // Extent of the input under `results` consecutive results.
  int64_t extent(int64_t results) const { return (results - 1) * in_step + reach() + 1; }
};

struct Gather {
  int64_t batch = 1, groups = 1, m = 1, c = 1;  // m and c: channels of one group
  Axis axis[3];
  bool channels_last = false;

  int64_t taps() const { return axis[0].taps * axis[1].taps * axis[2].taps; }
  int64_t depth() const { return c * taps(); }
  int64_t results() const { return axis[0].out * axis[1].out * axis[2].out; }
};

// An array with the strides of its layout, in elements.
struct Tensor {
  char* data;
  DType type;
  int64_t image, channel;
  Extents step;
  char* at(int64_t element) const { return data + element * itemsize(type); }
};

struct Weights {
  const char* data;
  DType type;
  int64_t group, row, channel;  // row: of one output channel of the gather
  Extents step;
  uint64_t stamp = 0;  // what names the bytes at `data`; 0: nothing does
};

Tensor tensor_of(const void* data, DType type, const Extents& extents, int64_t channels,
                 bool channels_last);
Weights forward_weights(const Shape& shape, DType type, const Filter& weight);
Weights transposed_weights(const Shape& shape, DType type, const Filter& weight);
Gather forward_gather(const Shape& shape);
std::vector<Gather> data_gradient_gathers(const Shape& shape);

}  // namespace mp::cpu::conv
