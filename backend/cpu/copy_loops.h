// The inner loops of copy() and fill(), one set per instruction set. Sizes are 1 << s bytes, s =
// 0..4; pointers may have any alignment.
#pragma once
#include <cstdint>

#include "core/dtype.h"
#include "cpu/isa.h"

namespace mp::cpu {

struct CopyLoops {
  // dst[i, j] = src[i, j] over n0 × n1 elements, strides in bytes (d0, d1), (s0, s1).
  using Copy2d = void (*)(char* dst, int64_t d0, int64_t d1, const char* src, int64_t s0,
                          int64_t s1, int64_t n0, int64_t n1);
  // dst[i, j] = src[j, i], rows of both contiguous: dst is n0 × n1 with row stride d0.
  using Transpose = void (*)(char* dst, int64_t d0, const char* src, int64_t s0, int64_t n0,
                             int64_t n1);
  using Fill = void (*)(char* dst, int64_t stride, int64_t n, const void* value);
  Copy2d copy2d[5];
  Transpose transpose[5];
  Fill fill[5];
};
MP_DECLARE_PER_ISA(CopyLoops, copy_loops)

using CastFn = void (*)(char* dst, int64_t dst_stride, const char* src, int64_t src_stride,
                        int64_t n);
struct CastLoops {
  CastFn from[kDTypeCount][kDTypeCount];  // [source][destination]
};
MP_DECLARE_PER_ISA(CastLoops, cast_loops)

}  // namespace mp::cpu
