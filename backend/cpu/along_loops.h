// The inner loops of arg_reduce(), scan(), select() and searchsorted(), one set per instruction
// set.
#pragma once
#include <cstdint>

#include "cpu/isa.h"
#include "cpu/kernels.h"

namespace mp::cpu {

struct AlongLoops {
  // Position of the first extreme of n >= 1 elements.
  using Arg = int64_t (*)(const char* p, int64_t stride, int64_t n);
  // The same down each of n1 columns of n0 < 2^32 rows: out[j] of stride os, elements of strides
  // (s0, s1).
  using ArgColumns = void (*)(char* out, int64_t os, const char* p, int64_t s0, int64_t s1,
                              int64_t n0, int64_t n1);
  // The same in parts of n0 rows from number `row` on, with what is known of each column in `state`
  // (16 bytes a column), and the positions at the end.
  using ArgPart = void (*)(char* state, const char* p, int64_t s0, int64_t s1, int64_t row,
                           int64_t n0, int64_t n1);
  using ArgEnd = void (*)(char* out, int64_t os, const char* state, int64_t n1);
  struct ArgEntry {
    Arg row;
    ArgColumns columns;
    ArgPart part;
    ArgEnd end;
  };
  // Running totals down n0 rows of n1 columns: out[i, j] = out[i - 1, j] op in[i, j]. Strides (o0,
  // o1), (s0, s1).
  using Scan = void (*)(char* out, int64_t o0, int64_t o1, const char* in, int64_t s0, int64_t s1,
                        int64_t n0, int64_t n1);
  struct ScanEntry {
    Scan fn;
    DType out;
  };
  // out[i] = cond[i] ? a[i] : b[i] for elements of 1 << s bytes.
  using Select = void (*)(char* out, int64_t so, const char* cond, int64_t sc, const char* a,
                          int64_t sa, const char* b, int64_t sb, int64_t n);
  using Search = void (*)(const char* sorted, int64_t n, const char* values, int64_t m, bool right,
                          int64_t* out);
  using Add = void (*)(char* dst, int64_t dst_stride, int64_t inner, const int64_t* idx, int64_t n,
                       const char* src, int64_t src_step);
  ArgEntry arg[2][kDTypeCount];    // min, max
  ScanEntry scan[2][kDTypeCount];  // sum, product
  Select select[5];
  Search search[kDTypeCount];
  Add add[kDTypeCount];
};
MP_DECLARE_PER_ISA(AlongLoops, along_loops)

}  // namespace mp::cpu
