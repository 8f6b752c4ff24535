// Layer normalisation over rows of n contiguous elements, for float and double. Everything is
// dense, no Python, callable without the GIL; parallel over rows on the pool, with results that do
// not depend on the number of threads.
#pragma once
#include <cstdint>

#include "core/dtype.h"
#include "cpu/isa.h"

namespace mp::cpu {

struct LayerNorm {
  int64_t rows, n;
  double eps;
};
// y = (x - mean) * rstd * gamma + beta for one row after the other; mean and rstd are one number a
// row.
struct LayerNormForward {
  const void *x, *gamma, *beta;
  void *y, *mean, *rstd;
};
// dx of dy for the rows [begin, end), and those rows' sums of dy * normalised x and of dy, added to
// dgamma and dbeta (accumulators of double).
struct LayerNormBackward {
  const void *dy, *x, *gamma, *mean, *rstd;
  void* dx;
};

struct NormLoops {
  void (*forward_f32)(const LayerNorm&, const LayerNormForward&, int64_t begin, int64_t end);
  void (*forward_f64)(const LayerNorm&, const LayerNormForward&, int64_t begin, int64_t end);
  void (*backward_f32)(const LayerNorm&, const LayerNormBackward&, int64_t begin, int64_t end,
                       double* dgamma, double* dbeta);
  void (*backward_f64)(const LayerNorm&, const LayerNormBackward&, int64_t begin, int64_t end,
                       double* dgamma, double* dbeta);
};
MP_DECLARE_PER_ISA(NormLoops, norm_loops)

void layer_norm(DType dtype, const LayerNorm& shape, const LayerNormForward& p);
void layer_norm_grad(DType dtype, const LayerNorm& shape, const LayerNormBackward& p, void* dgamma,
                     void* dbeta);

}  // namespace mp::cpu
