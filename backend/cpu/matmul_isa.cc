#include <cstdint>

#include "cpu/matmul.h"

namespace mp::cpu::MP_ISA {
namespace {

// Rounded once where the instruction set can, as in cpu/tiles.h, whose bits these are.
inline float multiply_add(float a, float b, float c) {
#if defined(__FMA__)
  return __builtin_fmaf(a, b, c);
#else
  return a * b + c;
#endif
}
inline double multiply_add(double a, double b, double c) {
#if defined(__FMA__)
  return __builtin_fma(a, b, c);
#else
  return a * b + c;
#endif
}

// Row i of c is the sum over p of a[i, p] * row p of b; kWidth columns stay in registers.
template <class T, int kWidth>
inline void columns(int64_t m, int64_t k, const char* a, int64_t a_row, int64_t a_col,
                    const char* b, int64_t b_row, char* c, int64_t c_row) {
  for (int64_t i = 0; i < m; ++i) {
    T sum[kWidth] = {};
    for (int64_t p = 0; p < k; ++p) {
      T x = *reinterpret_cast<const T*>(a + i * a_row + p * a_col);
      const T* row = reinterpret_cast<const T*>(b + p * b_row);
      for (int j = 0; j < kWidth; ++j) sum[j] = multiply_add(x, row[j], sum[j]);
    }
    T* out = reinterpret_cast<T*>(c + i * c_row);
    for (int j = 0; j < kWidth; ++j) out[j] = sum[j];
  }
}

template <class T>
void multiply(int64_t m, int64_t n, int64_t k, const char* a, int64_t a_row, int64_t a_col,
              const char* b, int64_t b_row, char* c, int64_t c_row) {
  while (n > 0) {
    int64_t width = n >= 16 ? 16 : n >= 8 ? 8 : n >= 4 ? 4 : 1;
    if (width == 16)
      columns<T, 16>(m, k, a, a_row, a_col, b, b_row, c, c_row);
    else if (width == 8)
      columns<T, 8>(m, k, a, a_row, a_col, b, b_row, c, c_row);
    else if (width == 4)
      columns<T, 4>(m, k, a, a_row, a_col, b, b_row, c, c_row);
    else
      columns<T, 1>(m, k, a, a_row, a_col, b, b_row, c, c_row);
    b += width * sizeof(T);
    c += width * sizeof(T);
    n -= width;
  }
}

}  // namespace

extern const SmallMatmulLoops small_matmul;
const SmallMatmulLoops small_matmul = {multiply<float>, multiply<double>};

}  // namespace mp::cpu::MP_ISA
