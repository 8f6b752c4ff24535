// Loops over dense float32 and float64 memory that leave NaNs out.
#pragma once
#include <cstdint>

#include "cpu/isa.h"
#include "cpu/kernels.h"

namespace mp::cpu {

struct NanLoops {
  // out[i] = value where in[i] is NaN, else in[i]; `out` may be `in`. Returns the number of NaNs.
  using Replace = int64_t (*)(char* out, const char* in, int64_t n, double value);
  // x[i] *= x[i], but 0 where it is NaN.
  using Square = void (*)(char* x, int64_t n);
  // best[j] = the extreme of best[j] and in[i, j] that are no NaNs, over dense rows of which the
  // columns up to `columns` count; `stride` is the distance of rows.
  using Extreme = void (*)(char* best, const char* in, int64_t stride, int64_t rows,
                           int64_t columns);
  struct Row {
    Replace replace;
    Square square;
    Extreme extreme[2];  // minimum, maximum
  };
  Row f32, f64;
};
MP_DECLARE_PER_ISA(NanLoops, nan_loops)

inline bool has_nan_loops(DType dtype) { return dtype == DType::F32 || dtype == DType::F64; }
inline const NanLoops::Row& nan_loops_of(DType dtype) {
  static const NanLoops& loops = MP_BEST_ISA(nan_loops);
  return dtype == DType::F32 ? loops.f32 : loops.f64;
}

}  // namespace mp::cpu
