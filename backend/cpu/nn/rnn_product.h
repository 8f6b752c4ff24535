// c += a b of a few rows with a packed matrix (see rnn.h): 4 x 3 vectors of c stay in registers,
// a panel of b in the first-level cache. Every element is summed over k in order, fused where the
// instruction set fuses, whatever the number of rows. Included by rnn_isa.cc only.
#pragma once
#include "cpu/nn/rnn.h"
#include "cpu/vec.h"

namespace mp::cpu::MP_ISA {

#if defined(__AVX512F__)
inline constexpr int kVectorBytes = 64;
#elif defined(__AVX__)
inline constexpr int kVectorBytes = 32;
#else
inline constexpr int kVectorBytes = 16;
#endif
template <class T>
using Wide = Vec<T, kVectorBytes / static_cast<int>(sizeof(T))>;
inline constexpr int kTileRows = 4, kTileVectors = 3;
template <class T>
inline constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(T));
template <class T>
inline constexpr int kPanel = kTileVectors * kLanes<T>;

#if defined(__AVX512F__)
MP_INLINE Wide<float> splat(float a) { return reinterpret_cast<Wide<float>>(_mm512_set1_ps(a)); }
MP_INLINE Wide<double> splat(double a) { return reinterpret_cast<Wide<double>>(_mm512_set1_pd(a)); }
MP_INLINE Wide<float> fused(Wide<float> a, Wide<float> b, Wide<float> c) {
  return reinterpret_cast<Wide<float>>(_mm512_fmadd_ps(
      reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b), reinterpret_cast<__m512>(c)));
}
MP_INLINE Wide<double> fused(Wide<double> a, Wide<double> b, Wide<double> c) {
  return reinterpret_cast<Wide<double>>(_mm512_fmadd_pd(
      reinterpret_cast<__m512d>(a), reinterpret_cast<__m512d>(b), reinterpret_cast<__m512d>(c)));
}
#elif defined(__FMA__)
MP_INLINE Wide<float> splat(float a) { return reinterpret_cast<Wide<float>>(_mm256_set1_ps(a)); }
MP_INLINE Wide<double> splat(double a) { return reinterpret_cast<Wide<double>>(_mm256_set1_pd(a)); }
MP_INLINE Wide<float> fused(Wide<float> a, Wide<float> b, Wide<float> c) {
  return reinterpret_cast<Wide<float>>(_mm256_fmadd_ps(
      reinterpret_cast<__m256>(a), reinterpret_cast<__m256>(b), reinterpret_cast<__m256>(c)));
}
MP_INLINE Wide<double> fused(Wide<double> a, Wide<double> b, Wide<double> c) {
  return reinterpret_cast<Wide<double>>(_mm256_fmadd_pd(
      reinterpret_cast<__m256d>(a), reinterpret_cast<__m256d>(b), reinterpret_cast<__m256d>(c)));
}
#else
template <class T>
MP_INLINE Wide<T> splat(T a) {
  Wide<T> v;
  for (int i = 0; i < kLanes<T>; ++i) v[i] = a;
  return v;
}
template <class V>
MP_INLINE V fused(V a, V b, V c) {
  return a * b + c;
}
#endif

template <class T>
MP_INLINE Wide<T> load_wide(const T* p) {
  return load<Wide<T>>(reinterpret_cast<const char*>(p));
}
template <class T>
MP_INLINE void store_wide(T* p, Wide<T> v) {
  store(reinterpret_cast<char*>(p), v);
}

// One tile of kRows rows; `columns` of the panel are part of c.
template <class T, int kRows>
void add_tile(const T* a, int64_t a_stride, const T* panel, int64_t depth, T* c, int64_t c_stride,
              int64_t columns) {
  Wide<T> sum[kRows][kTileVectors] = {};
  for (int64_t p = 0; p < depth; ++p, panel += kPanel<T>) {
    Wide<T> b[kTileVectors];
#pragma GCC unroll 3
    for (int v = 0; v < kTileVectors; ++v) b[v] = load_wide(panel + v * kLanes<T>);
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      const Wide<T> x = splat(a[r * a_stride + p]);
#pragma GCC unroll 3
      for (int v = 0; v < kTileVectors; ++v) sum[r][v] = fused(x, b[v], sum[r][v]);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
    T* row = c + r * c_stride;
    if (columns == kPanel<T>) {
#pragma GCC unroll 3
      for (int v = 0; v < kTileVectors; ++v)
        store_wide(row + v * kLanes<T>, load_wide(row + v * kLanes<T>) + sum[r][v]);
    } else {
      T rest[kPanel<T>];
#pragma GCC unroll 3
      for (int v = 0; v < kTileVectors; ++v) store_wide(rest + v * kLanes<T>, sum[r][v]);
      for (int64_t j = 0; j < columns; ++j) row[j] += rest[j];
    }
  }
}

// c (rows, n) += a (rows, k) times the packed (k, n) matrix b.
template <class T>
void add_product(int64_t rows, int64_t n, int64_t k, const T* a, int64_t a_stride, const T* b, T* c,
                 int64_t c_stride) {
  for (int64_t first = 0; first < k; first += kRnnDepth) {
    const int64_t depth = smaller(kRnnDepth, k - first);
    for (int64_t j = 0; j < n; j += kPanel<T>, b += depth * kPanel<T>) {
      const int64_t columns = smaller<int64_t>(kPanel<T>, n - j);
      const T* x = a + first;
      T* y = c + j;
      int64_t i = 0;
      for (; i + kTileRows <= rows; i += kTileRows)
        add_tile<T, kTileRows>(x + i * a_stride, a_stride, b, depth, y + i * c_stride, c_stride,
                               columns);
      x += i * a_stride, y += i * c_stride;
      if (rows - i == 3)
        add_tile<T, 3>(x, a_stride, b, depth, y, c_stride, columns);
      else if (rows - i == 2)
        add_tile<T, 2>(x, a_stride, b, depth, y, c_stride, columns);
      else if (rows - i == 1)
        add_tile<T, 1>(x, a_stride, b, depth, y, c_stride, columns);
    }
  }
}

}  // namespace mp::cpu::MP_ISA
