// Floating-point numbers as signed integers that compare as they do: -inf is the least, then come
// the numbers, with -0 before +0, then NaNs. Encoding and decoding are each other's inverse.
#pragma once
#include <cstdint>

#include "cpu/isa.h"

namespace mp::cpu {

struct SortLoops {
  // The source may be the target.
  void (*encode_float)(const int32_t* from, int32_t* to, int64_t n);
  void (*encode_double)(const int64_t* from, int64_t* to, int64_t n);
  void (*decode_float)(int32_t* keys, int64_t n);
  void (*decode_double)(int64_t* keys, int64_t n);
  bool (*any_float_nan)(const int32_t* keys, int64_t n);
  bool (*any_double_nan)(const int64_t* keys, int64_t n);
};
MP_DECLARE_PER_ISA(SortLoops, sort_loops)

}  // namespace mp::cpu
