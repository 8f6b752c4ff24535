#include "cpu/nn/norm.h"

#include <algorithm>
#include <vector>

#include "engine/pool.h"

namespace mp::cpu {
namespace {

const NormLoops& loops(DType dtype) {
  static const NormTables& best = MP_BEST_ISA(norm_loops);
  return dtype == DType::F64 ? best.f64 : best.f32;
}

constexpr int64_t kRowsPerPart = 64;  // of the gradients' sums over rows: a fixed cut

template <class T>
void add_parts(const T* sums, int64_t parts, int64_t n, T* dgamma, T* dbeta) {
  pool::parallel_for(2 * n, 256, parts * n / 2, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      double total = 0;
      for (int64_t part = 0; part < parts; ++part)
        total += static_cast<double>(sums[2 * part * n + i]);
      (i < n ? dgamma[i] : dbeta[i - n]) = static_cast<T>(total);
    }
  });
}

template <class T>
void layer_norm_grad_of(const NormLoops& table, const LayerNorm& s, const LayerNormBackward& p,
                        void* dgamma, void* dbeta) {
  const int64_t parts = (s.rows + kRowsPerPart - 1) / kRowsPerPart;
  std::vector<T> sums(p.gamma ? static_cast<size_t>(2 * parts * s.n) : 0);
  pool::parallel_for(parts, 1, 2 * s.rows * s.n, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      T* own = p.gamma ? sums.data() + 2 * part * s.n : nullptr;
      table.layer_grad(s, p, kRowsPerPart * part, std::min(kRowsPerPart * (part + 1), s.rows), own,
                       own + s.n);
    }
  });
  if (p.gamma) add_parts(sums.data(), parts, s.n, static_cast<T*>(dgamma), static_cast<T*>(dbeta));
}

template <class Loop, class Pointers>
void run(const BatchNorm& s, const Pointers& p, Loop planes, Loop columns) {
  const bool tiles = s.inner == 1;
  const int64_t tasks = tiles ? (s.channels + kNormTile - 1) / kNormTile : s.channels;
  const int64_t work = s.outer * s.channels * s.inner;
  pool::parallel_for(tasks, 1, 2 * work, [&](int64_t begin, int64_t end) {
    (tiles ? columns : planes)(s, p, begin, end);
  });
}

}  // namespace

void layer_norm(DType dtype, const LayerNorm& s, const LayerNormForward& p) {
  const auto run_rows = loops(dtype).layer;
  pool::parallel_for(s.rows, std::max<int64_t>(1, 4096 / std::max<int64_t>(s.n, 1)), s.rows * s.n,
                     [&](int64_t begin, int64_t end) { run_rows(s, p, begin, end); });
}

void layer_norm_grad(DType dtype, const LayerNorm& s, const LayerNormBackward& p, void* dgamma,
                     void* dbeta) {
  (dtype == DType::F64 ? layer_norm_grad_of<double> : layer_norm_grad_of<float>)(loops(dtype), s, p,
                                                                                 dgamma, dbeta);
}

void batch_norm(DType dtype, const BatchNorm& s, const BatchNormForward& p) {
  run(s, p, loops(dtype).planes, loops(dtype).columns);
}

void batch_norm_grad(DType dtype, const BatchNorm& s, const BatchNormBackward& p) {
  run(s, p, loops(dtype).planes_grad, loops(dtype).columns_grad);
}

}  // namespace mp::cpu
