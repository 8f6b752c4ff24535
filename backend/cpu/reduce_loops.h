// The inner loops of reduce() and moments(), one set per instruction set.
// Inner: out[i] op= the reduction over j of in[i, j]. Outer: out[j] op= in[i, j] for i = 0, 1, … in
// turn. `first` overwrites out instead of combining with it. Strides in bytes.
#pragma once
#include <cstdint>

#include "cpu/isa.h"
#include "cpu/kernels.h"

namespace mp::cpu {

using ReduceFn = void (*)(char* out, int64_t out_stride, const char* in, int64_t s0, int64_t s1,
                          int64_t n0, int64_t n1, bool first);
struct ReduceEntry {
  ReduceFn inner, outer;
  DType out;
};
// The same with the squared distance from a mean per output.
using DeviationFn = void (*)(char* out, int64_t out_stride, const char* mean, int64_t mean_stride,
                             const char* in, int64_t s0, int64_t s1, int64_t n0, int64_t n1,
                             bool first);
struct DeviationEntry {
  DeviationFn inner, outer;
};

struct SumLoops {
  ReduceEntry table[2][kDTypeCount];  // Sum, Prod
  DeviationEntry deviation[2];        // F32, F64
};
struct ExtremeLoops {
  ReduceEntry table[2][kDTypeCount];  // Min, Max; null functions where there is none
};
struct LogicLoops {
  ReduceEntry table[3][kDTypeCount];  // Any, All, CountNonzero
};
MP_DECLARE_PER_ISA(SumLoops, sum_loops)
MP_DECLARE_PER_ISA(ExtremeLoops, extreme_loops)
MP_DECLARE_PER_ISA(LogicLoops, logic_loops)

}  // namespace mp::cpu
