#include "cpu/nn/group_norm.h"

#include <algorithm>
#include <vector>

#include "engine/pool.h"

namespace mp::cpu {
namespace {

const GroupNormLoops& loops(DType dtype) {
  static const GroupNormTables& best = MP_BEST_ISA(group_norm_loops);
  return dtype == DType::F64 ? best.f64 : best.f32;
}

int64_t grain(const GroupNorm& s) {
  return std::max<int64_t>(1, 4096 / std::max<int64_t>(s.n(), 1));
}

template <class T>
void add_examples(const GroupNorm& s, const double* sums, T* dgamma, T* dbeta) {
  for (int64_t c = 0; c < s.channels(); ++c) {
    double shift = 0, scale = 0;
    for (int64_t b = 0; b < s.batch; ++b) {
      shift += sums[2 * (b * s.channels() + c)];
      scale += sums[2 * (b * s.channels() + c) + 1];
    }
    dbeta[c] = static_cast<T>(shift);
    dgamma[c] = static_cast<T>(scale);
  }
}

}  // namespace

void group_norm(DType dtype, const GroupNorm& s, const GroupNormForward& p) {
  const auto run = loops(dtype).forward;
  pool::parallel_for(s.rows(), grain(s), s.rows() * s.n(),
                     [&](int64_t begin, int64_t end) { run(s, p, begin, end); });
}

void group_norm_grad(DType dtype, const GroupNorm& s, const GroupNormBackward& p) {
  const auto run = loops(dtype).backward;
  std::vector<double> sums(static_cast<size_t>(2 * s.batch * s.channels()));
  pool::parallel_for(s.rows(), grain(s), 2 * s.rows() * s.n(),
                     [&](int64_t begin, int64_t end) { run(s, p, begin, end, sums.data()); });
  if (dtype == DType::F64)
    add_examples(s, sums.data(), static_cast<double*>(p.dgamma), static_cast<double*>(p.dbeta));
  else
    add_examples(s, sums.data(), static_cast<float*>(p.dgamma), static_cast<float*>(p.dbeta));
}

}  // namespace mp::cpu
