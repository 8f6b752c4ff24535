// Matrix multiply. Large products go to OpenBLAS (the scipy-openblas32 wheel, opened on first use
// so that importing minpy stays cheap); small ones to a kernel without call overhead.
#pragma once
#include <cstdint>

#include "core/dtype.h"

namespace mp::blas {

struct Matrix {  // element (i, j) is at data + i * row_step + j * col_step bytes
  char* data;
  int64_t row_step, col_step;
};

bool supports(DType dtype);  // float32, float64, complex64, complex128
// c = a @ b with a (m, k), b (k, n); c is written whole. Any strides. Returns false, with a Python
// error set, when the BLAS library cannot be opened.
bool gemm(DType dtype, int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, Matrix c);
// Sum of products of two vectors of n elements.
bool dot(DType dtype, int64_t n, const char* a, int64_t a_step, const char* b, int64_t b_step,
         char* out);

}  // namespace mp::blas
