// Products of small matrices, where a BLAS call costs more than the arithmetic.
#pragma once
#include <cstdint>

#include "cpu/isa.h"

namespace mp::cpu {

// c (m, n) = a (m, k) @ b (k, n): rows of b and c are contiguous, everything else has byte strides.
using SmallMatmul = void (*)(int64_t m, int64_t n, int64_t k, const char* a, int64_t a_row,
                             int64_t a_col, const char* b, int64_t b_row, char* c, int64_t c_row);
struct SmallMatmulLoops {
  SmallMatmul f32, f64;
};
MP_DECLARE_PER_ISA(SmallMatmulLoops, small_matmul)
inline const SmallMatmulLoops& best_small_matmul() {
  static const SmallMatmulLoops& best = MP_BEST_ISA(small_matmul);
  return best;
}

}  // namespace mp::cpu
