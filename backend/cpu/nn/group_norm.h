// Group normalisation of [batch][channels][inner], for float and double: every group of channels of
// an example to mean 0 and variance 1, then each channel scaled and shifted. Dense arrays, no
// Python; parallel over groups, with results that do not depend on the number of threads.
#pragma once
#include <cstdint>

#include "core/dtype.h"
#include "cpu/isa.h"

namespace mp::cpu {

struct GroupNorm {
  int64_t batch, groups, per_group, inner;
  double eps;
  int64_t rows() const { return batch * groups; }
  int64_t n() const { return per_group * inner; }  // of a row, a group of an example
  int64_t channels() const { return groups * per_group; }
};
struct GroupNormForward {
  const void *x, *gamma, *beta;
  void *y, *mean, *rstd;  // the last two one number a row
};
struct GroupNormBackward {
  const void *dy, *x, *gamma, *mean, *rstd;
  void *dx, *dgamma, *dbeta;
};

struct GroupNormLoops {
  void (*forward)(const GroupNorm&, const GroupNormForward&, int64_t begin, int64_t end);
  // Also each row's terms of dgamma and dbeta: sums[row][channel of the group][2].
  void (*backward)(const GroupNorm&, const GroupNormBackward&, int64_t begin, int64_t end,
                   double* sums);
};
struct GroupNormTables {
  GroupNormLoops f32, f64;
};
MP_DECLARE_PER_ISA(GroupNormTables, group_norm_loops)

void group_norm(DType dtype, const GroupNorm& shape, const GroupNormForward& p);
// Workspace: two doubles for each channel of the batch.
void group_norm_grad(DType dtype, const GroupNorm& shape, const GroupNormBackward& p);

}  // namespace mp::cpu
