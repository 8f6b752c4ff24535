// The inner loops of depthwise convolutions with channels last: a vector is some channels of one
// position. Channels come in whole vectors; offsets are in elements.
#pragma once
#include <cstdint>

#include "cpu/isa.h"

namespace mp::cpu::conv {

// out[x][channel] = bias[channel] + sum over taps of weights[tap][channel] * in[x][tap][channel].
template <class T>
struct DepthwiseRow {
  int64_t results, channels, taps;
  const T* in;
  int64_t in_step;        // from one result to the next
  const int32_t* offset;  // of each tap
  const T* weights;       // taps by channels
  const T* bias;          // null: zeros
  bool relu;
  T* out;
  int64_t out_step;
};

// sums[tap][channel] += sum over x of grad[x][channel] * in[x][tap][channel].
template <class T>
struct DepthwiseSums {
  int64_t results, channels, taps;
  const T* in;
  int64_t in_step;
  const int32_t* offset;
  const T* grad;
  int64_t grad_step;
  T* sums;
};

template <class T>
struct Depthwise {
  int lanes;
  void (*row)(const DepthwiseRow<T>&);
  void (*sums)(const DepthwiseSums<T>&);
};

}  // namespace mp::cpu::conv

namespace mp::cpu {

MP_DECLARE_PER_ISA(conv::Depthwise<float>, conv_depthwise32)
MP_DECLARE_PER_ISA(conv::Depthwise<double>, conv_depthwise64)

}  // namespace mp::cpu

namespace mp::cpu::conv {

template <class T>
const Depthwise<T>& depthwise_loops();

}  // namespace mp::cpu::conv
