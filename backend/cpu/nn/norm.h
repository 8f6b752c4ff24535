// Layer normalisation over rows of n contiguous elements and batch normalisation over channels of
// [outer][channels][inner], for float and double. Everything is dense, no Python, callable without
// the GIL; parallel over rows or channels on the pool, with results that do not depend on the
// number of threads.
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
// row. Without gamma and beta (null) they are 1 and 0.
struct LayerNormForward {
  const void *x, *gamma, *beta;
  void *y, *mean, *rstd;
};
// dx of dy for the rows [begin, end), and those rows' sums of dy * normalised x and of dy, added to
// dgamma and dbeta unless gamma is null.
struct LayerNormBackward {
  const void *dy, *x, *gamma, *mean, *rstd;
  void* dx;
};

struct BatchNorm {
  int64_t outer, channels, inner;
  double eps;
  bool given;  // mean and var are inputs, not the data's
};
// gamma may be null: 1.
struct BatchNormForward {
  const void *x, *gamma, *beta;
  void *mean, *var;
  void* y;
};
struct BatchNormBackward {
  const void *dy, *x, *gamma, *mean, *var;
  void *dx, *dgamma, *dbeta;
};

struct NormLoops {
  void (*layer)(const LayerNorm&, const LayerNormForward&, int64_t begin, int64_t end);
  void (*layer_grad)(const LayerNorm&, const LayerNormBackward&, int64_t begin, int64_t end,
                     void* dgamma, void* dbeta);
  using Batch = void (*)(const BatchNorm&, const BatchNormForward&, int64_t begin, int64_t end);
  using BatchGrad = void (*)(const BatchNorm&, const BatchNormBackward&, int64_t, int64_t);
  Batch planes, columns;  // of channels; of tiles of kNormTile channels, for inner == 1
  BatchGrad planes_grad, columns_grad;
};
inline constexpr int64_t kNormTile = 32;  // kTile of cpu/nn/rows.h
struct NormTables {
  NormLoops f32, f64;
};
MP_DECLARE_PER_ISA(NormTables, norm_loops)

void layer_norm(DType dtype, const LayerNorm& shape, const LayerNormForward& p);
// dgamma and dbeta are not touched when gamma is null.
void layer_norm_grad(DType dtype, const LayerNorm& shape, const LayerNormBackward& p, void* dgamma,
                     void* dbeta);
void batch_norm(DType dtype, const BatchNorm& shape, const BatchNormForward& p);
void batch_norm_grad(DType dtype, const BatchNorm& shape, const BatchNormBackward& p);

}  // namespace mp::cpu
