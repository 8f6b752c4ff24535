// Matrix products of float and double, on the pool: c (m, n) = a (m, k) b (k, n), operands with any
// steps. See Note [The packed product]. No Python, callable without the GIL. The bits of an element
// depend on its row of a, its column of b and the instruction set alone, not on m, n, threads or
// steps.
#pragma once
#include <cstdint>

#include "core/dtype.h"
#include "cpu/isa.h"

namespace mp::cpu {

struct Gemm {
  int64_t m, n, k;
  int64_t a_row, a_col, b_row, b_col;  // steps in elements
  int64_t c_row;                       // the columns of c are adjacent
};
struct GemmData {
  const char *a, *b;
  char* c;
};

// What follows a product, for ranges of it that are still in the cache; may be null.
struct GemmRange {
  int64_t row, row_end, column, column_end;
};
struct GemmFinish {
  void (*run)(const void* context, const GemmRange&) = nullptr;
  const void* context = nullptr;
};

void gemm(DType dtype, const Gemm& g, const GemmData& data, const GemmFinish& finish = {});
// Products of one shape, shared out whole or cut.
void gemm_stack(DType dtype, const Gemm& g, const GemmData* products, int64_t count);

// Operands of the inner loop: rows of a, as they are or packed in strips, times packed columns of
// b.
template <class T>
struct GemmBlock {
  int64_t m, n, depth;
  const T* a;
  int64_t a_row, a_col;
  bool a_packed;
  const T* panels;
  T* c;
  int64_t c_row;
  bool add;
};

template <class T>
struct GemmLoops {
  int panel;  // columns
  // Writes up to kGemmSlack elements more than rows * depth.
  void (*pack_left)(const T* from, int64_t row, int64_t col, int64_t rows, int64_t depth, T* to);
  // ceil(columns / panel) * panel * depth elements.
  void (*pack_right)(const T* from, int64_t row, int64_t col, int64_t depth, int64_t columns,
                     T* to);
  void (*multiply)(const GemmBlock<T>& block);
  // to[j * to_row + i] = from[i * from_row + j]
  void (*transpose)(const T* from, int64_t from_row, int64_t rows, int64_t columns, T* to,
                    int64_t to_row);
};
inline constexpr int64_t kGemmSlack = 8;
MP_DECLARE_PER_ISA(GemmLoops<float>, gemm_f32)
MP_DECLARE_PER_ISA(GemmLoops<double>, gemm_f64)

}  // namespace mp::cpu
