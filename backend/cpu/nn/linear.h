// Around matrix products, for float and double: what follows one before its result leaves the
// cache, y[row] = act(y[row] + bias), and products too small for a call of BLAS each. No Python,
// callable without the GIL, parallel on the pool.
#pragma once
#include <cstdint>

#include "core/dtype.h"
#include "cpu/isa.h"

namespace mp::cpu {

enum class Activation : uint8_t { None, Relu, Tanh, Sigmoid };

struct Epilogue {
  int64_t rows, n;
  Activation activation;
  const void* bias;  // n elements, or null
  void* y;           // dense
};

// c (m, n) = a (m, k) b (k, n), steps in elements; c is dense. One step of `a` is 1.
struct SmallProduct {
  int64_t m, n, k, a_row, a_col, b_row, b_col;
};
struct ProductData {
  const char *a, *b;
  char* c;
};

using EpilogueRows = void (*)(const Epilogue&, int64_t begin, int64_t end);
using SmallProductLoop = void (*)(const SmallProduct&, const ProductData&);
struct LinearLoops {
  EpilogueRows epilogue_f32, epilogue_f64;
  SmallProductLoop product_f32, product_f64;
};
MP_DECLARE_PER_ISA(LinearLoops, linear_loops)

// The panels of a second operand fit into this much of the stack.
inline constexpr int64_t kSmallPanelBytes = 32 << 10;
bool is_small_product(DType dtype, const SmallProduct& p);
void small_products(DType dtype, const SmallProduct& p, const ProductData* products, int64_t count);

void finish_linear(DType dtype, const Epilogue& p);

}  // namespace mp::cpu
