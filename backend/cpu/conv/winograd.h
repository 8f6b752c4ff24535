// The transforms of Winograd's F(2x2, 3x3): patches of 4x4 data and 2x2 results become 16 numbers,
// in which the convolution is 16 independent products. n places at once, one after the other in
// memory, rounded up to whole vectors; the numbers of a place are `step` apart.
#pragma once
#include <cstdint>

#include "cpu/isa.h"

namespace mp::cpu::conv {

inline constexpr int kPatch = 16;

template <class T>
struct Winograd {
  void (*data)(const T* in, int64_t in_step, T* out, int64_t out_step, int64_t n);  // 16 to 16
  // 16 to the four results, in rows.
  void (*result)(const T* in, int64_t in_step, T* out, int64_t out_step, int64_t n, T bias,
                 bool relu);
  void (*grad)(const T* in, int64_t in_step, T* out, int64_t out_step, int64_t n);  // 4 to 16
};

}  // namespace mp::cpu::conv

namespace mp::cpu {

MP_DECLARE_PER_ISA(conv::Winograd<float>, conv_winograd32)
MP_DECLARE_PER_ISA(conv::Winograd<double>, conv_winograd64)

}  // namespace mp::cpu

namespace mp::cpu::conv {

template <class T>
const Winograd<T>& winograd_loops();

}  // namespace mp::cpu::conv
