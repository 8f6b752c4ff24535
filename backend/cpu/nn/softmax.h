// Softmax, its logarithm and cross-entropy, forward and gradient, for float and double. Arrays are
// dense; data is [outer][n][inner] and n is the axis. No Python, callable without the GIL, parallel
// on the pool over rows (columns for inner > 1), each of which one thread computes: results do not
// depend on the number of threads.
#pragma once
#include <cstdint>

#include "core/dtype.h"
#include "cpu/isa.h"

namespace mp::cpu {

struct Softmax {
  int64_t outer, n, inner;
  double scale;  // of the data, before anything else
  bool log;
  const int64_t* lengths;  // inner == 1 only: the elements of each row that count; null: all
};
struct SoftmaxForward {
  const void* x;
  void* y;
};
struct SoftmaxBackward {
  const void *dy, *y;
  void* dx;
};

// -log softmax(x)[label] for rows of n. `largest` and `inverse` (of the sum of exponentials of the
// rest) are what the gradient needs of a row. A row with label `ignored` counts nothing.
struct CrossEntropy {
  int64_t rows, n;
  const int64_t* labels;  // in [0, n), or `ignored`
  int64_t ignored;
};
struct CrossEntropyForward {
  const void *x, *target;  // target: a weight for each class in place of labels
  void *loss, *largest, *inverse;
};
struct CrossEntropyBackward {
  const void *dy, *x, *target, *largest, *inverse;
  void *dx, *dtarget;  // the latter for targets only
};

struct SoftmaxLoops {
  using Forward = void (*)(const Softmax&, const SoftmaxForward&, int64_t begin, int64_t end);
  using Backward = void (*)(const Softmax&, const SoftmaxBackward&, int64_t begin, int64_t end);
  using Loss = void (*)(const CrossEntropy&, const CrossEntropyForward&, int64_t, int64_t);
  using LossGrad = void (*)(const CrossEntropy&, const CrossEntropyBackward&, int64_t, int64_t);
  Forward rows, columns;  // columns: of pairs (outer, tile of columns)
  Backward rows_grad, columns_grad;
  Loss loss, target_loss;
  LossGrad loss_grad, target_loss_grad;
};
inline constexpr int64_t kSoftmaxTile = 32;  // columns; kTile of cpu/nn/rows.h
struct SoftmaxTables {
  SoftmaxLoops f32, f64;
};
MP_DECLARE_PER_ISA(SoftmaxTables, softmax_loops)

void softmax(DType dtype, const Softmax& shape, const SoftmaxForward& p);
void softmax_grad(DType dtype, const Softmax& shape, const SoftmaxBackward& p);
void cross_entropy(DType dtype, const CrossEntropy& shape, const CrossEntropyForward& p);
void cross_entropy_grad(DType dtype, const CrossEntropy& shape, const CrossEntropyBackward& p);

}  // namespace mp::cpu
