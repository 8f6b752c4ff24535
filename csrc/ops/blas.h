// Matrix multiply. Products of real matrices go to cpu/gemm.h, the smallest to a kernel without
// call overhead. Products with a vector and of complex matrices go to OpenBLAS (the
// scipy-openblas32 wheel, opened on first use so that importing minpy stays cheap), in panels over
// our own thread pool, see Note [BLAS runs on our threads].
#pragma once
#include <cstdint>
#include <span>

#include "core/dtype.h"
#include "cpu/gemm.h"

namespace mp::blas {

bool supports(DType dtype);  // float32, float64, complex64, complex128
// The data of one product in a stack of them.
struct Operands {
  char *a, *b, *c;
};
// c = a @ b with a (m, k), b (k, n) for each of the products, whose matrices have these steps; c is
// written whole, its columns are adjacent. Any strides otherwise. Uses the thread pool; the bits of
// the result do not depend on the number of threads. `finish` follows a single product of real
// numbers. Returns false, with a Python error set, when the BLAS library cannot be opened.
struct Steps {
  int64_t row, col;
};
bool gemm(DType dtype, int64_t m, int64_t n, int64_t k, Steps a, Steps b, Steps c,
          std::span<const Operands> products, const cpu::GemmFinish& finish = {});
// Sum of products of two vectors of n elements.
bool dot(DType dtype, int64_t n, const char* a, int64_t a_step, const char* b, int64_t b_step,
         char* out);

}  // namespace mp::blas
