#include "cpu/nn/softmax.h"

#include <algorithm>

#include "engine/pool.h"

namespace mp::cpu {
namespace {

const SoftmaxLoops& loops(DType dtype) {
  static const SoftmaxTables& best = MP_BEST_ISA(softmax_loops);
  return dtype == DType::F64 ? best.f64 : best.f32;
}

int64_t rows_at_a_time(int64_t n) { return std::max<int64_t>(1, 4096 / std::max<int64_t>(n, 1)); }

template <class Loop, class Pointers>
void run(const Softmax& s, const Pointers& p, Loop rows, Loop columns) {
  const int64_t tiles = (s.inner + kSoftmaxTile - 1) / kSoftmaxTile;
  const Loop loop = s.inner == 1 ? rows : columns;
  const int64_t width = s.inner == 1 ? 1 : kSoftmaxTile;
  pool::parallel_for(s.outer * tiles, rows_at_a_time(s.n * width), 2 * s.outer * s.n * s.inner,
                     [&](int64_t begin, int64_t end) { loop(s, p, begin, end); });
}

template <class Loop, class Pointers>
void run_loss(const CrossEntropy& s, const Pointers& p, Loop loop) {
  pool::parallel_for(s.rows, rows_at_a_time(s.n), 2 * s.rows * s.n,
                     [&](int64_t begin, int64_t end) { loop(s, p, begin, end); });
}

}  // namespace

void softmax(DType dtype, const Softmax& s, const SoftmaxForward& p) {
  run(s, p, loops(dtype).rows, loops(dtype).columns);
}
void softmax_grad(DType dtype, const Softmax& s, const SoftmaxBackward& p) {
  run(s, p, loops(dtype).rows_grad, loops(dtype).columns_grad);
}
void cross_entropy(DType dtype, const CrossEntropy& s, const CrossEntropyForward& p) {
  run_loss(s, p, p.target ? loops(dtype).target_loss : loops(dtype).loss);
}
void cross_entropy_grad(DType dtype, const CrossEntropy& s, const CrossEntropyBackward& p) {
  run_loss(s, p, p.target ? loops(dtype).target_loss_grad : loops(dtype).loss_grad);
}

}  // namespace mp::cpu
