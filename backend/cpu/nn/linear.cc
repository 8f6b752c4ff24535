#include "cpu/nn/linear.h"

#include <algorithm>

#include "engine/pool.h"

namespace mp::cpu {
namespace {

const EpilogueLoops& loops() {
  static const EpilogueLoops& best = MP_BEST_ISA(epilogue_loops);
  return best;
}

}  // namespace

void finish_linear(DType dtype, const Epilogue& p) {
  if (!p.bias && p.activation == Activation::None) return;
  const auto run = dtype == DType::F64 ? loops().f64 : loops().f32;
  const bool cheap = p.activation == Activation::None || p.activation == Activation::Relu;
  const int64_t work = p.rows * p.n / (cheap ? 4 : 1);  // in nanoseconds
  pool::parallel_for(p.rows, std::max<int64_t>(1, 4096 / std::max<int64_t>(p.n, 1)), work,
                     [&](int64_t begin, int64_t end) { run(p, begin, end); });
}

}  // namespace mp::cpu
