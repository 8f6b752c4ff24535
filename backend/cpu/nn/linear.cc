#include "cpu/nn/linear.h"

#include <algorithm>

#include "engine/pool.h"

namespace mp::cpu {
namespace {

constexpr int64_t kLeastMultiplications = 512, kMostMultiplications = 1 << 19;

const LinearLoops& loops() {
  static const LinearLoops& best = MP_BEST_ISA(linear_loops);
  return best;
}

}  // namespace

void finish_linear(DType dtype, const Epilogue& p) {
  if (!p.bias && p.activation == Activation::None) return;
  const auto run = dtype == DType::F64 ? loops().epilogue_f64 : loops().epilogue_f32;
  const bool cheap = p.activation == Activation::None || p.activation == Activation::Relu;
  const int64_t work = p.rows * p.n / (cheap ? 4 : 1);  // in nanoseconds
  pool::parallel_for(p.rows, std::max<int64_t>(1, 4096 / std::max<int64_t>(p.n, 1)), work,
                     [&](int64_t begin, int64_t end) { run(p, begin, end); });
}

bool is_small_product(DType dtype, const SmallProduct& p) {
  constexpr int64_t kPanelBytes = 128;  // at most, of one row
  const int64_t row = (p.n * itemsize(dtype) + kPanelBytes - 1) / kPanelBytes * kPanelBytes;
  const int64_t work = p.m * p.n * p.k;
  const bool without_panels = p.b_col == 1 && work <= kLeastMultiplications;  // blas::gemm's own
  return !without_panels && (p.a_row == 1 || p.a_col == 1) && p.k * row <= kSmallPanelBytes &&
         work <= kMostMultiplications;
}

void small_products(DType dtype, const SmallProduct& p, const ProductData* products,
                    int64_t count) {
  const auto run = dtype == DType::F64 ? loops().product_f64 : loops().product_f32;
  const int64_t each = 50 + p.m * p.n * p.k / 20;  // in nanoseconds
  pool::parallel_for(count, 2000 / each + 1, each * count, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) run(p, products[i]);
  });
}

}  // namespace mp::cpu
