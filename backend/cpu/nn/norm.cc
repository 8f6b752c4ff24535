#include "cpu/nn/norm.h"

#include <algorithm>
#include <vector>

#include "engine/pool.h"

namespace mp::cpu {
namespace {

const NormLoops& loops() {
  static const NormLoops& best = MP_BEST_ISA(norm_loops);
  return best;
}

constexpr int64_t kRowsPerPart = 64;  // of the gradients' sums over rows: a fixed cut

}  // namespace

void layer_norm(DType dtype, const LayerNorm& s, const LayerNormForward& p) {
  const auto run = dtype == DType::F64 ? loops().forward_f64 : loops().forward_f32;
  pool::parallel_for(s.rows, std::max<int64_t>(1, 4096 / std::max<int64_t>(s.n, 1)), s.rows * s.n,
                     [&](int64_t begin, int64_t end) { run(s, p, begin, end); });
}

void layer_norm_grad(DType dtype, const LayerNorm& s, const LayerNormBackward& p, void* dgamma,
                     void* dbeta) {
  const auto run = dtype == DType::F64 ? loops().backward_f64 : loops().backward_f32;
  const int64_t parts = std::clamp<int64_t>(s.rows / kRowsPerPart, 1, 64);
  std::vector<double> sums(static_cast<size_t>(2 * parts * s.n));
  pool::parallel_for(parts, 1, 2 * s.rows * s.n, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      double* own = sums.data() + 2 * part * s.n;
      run(s, p, s.rows * part / parts, s.rows * (part + 1) / parts, own, own + s.n);
    }
  });
  for (int64_t i = 0; i < 2 * s.n; ++i) {
    double total = 0;
    for (int64_t part = 0; part < parts; ++part)
      total += sums[static_cast<size_t>(2 * part * s.n + i)];
    void* out = i < s.n ? dgamma : dbeta;
    const int64_t at = i % s.n;
    if (dtype == DType::F64)
      static_cast<double*>(out)[at] = total;
    else
      static_cast<float*>(out)[at] = static_cast<float>(total);
  }
}

}  // namespace mp::cpu
