// Products of a few hundred rows and columns with the second operand in panels: two vectors of
// columns side by side, one row after the other, padded with zeros. Included by *_isa.cc files
// only. Every element of a result is the sum of chains of (fused) multiply-adds in the order of the
// depth, kDepth at a time, so its bits do not depend on where blocks of rows begin.
#pragma once
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
inline constexpr int kLanesOf = kVectorBytes / int(sizeof(T));
template <class T>
inline constexpr int kPanel = 2 * kLanesOf<T>;
template <class T>
using Wide = Vec<T, kLanesOf<T>>;

template <class V, class T>
MP_INLINE V load_wide(const T* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
template <class V, class T>
MP_INLINE void store_wide(T* p, V v) {
  __builtin_memcpy(p, &v, sizeof v);
}

// x - 0 is x for every x, so nothing is computed; x + 0 would turn -0 into 0.
template <class V, class T>
MP_INLINE V splat(T x) {
  return x - V{};
}

MP_INLINE Wide<float> multiply_add(Wide<float> a, Wide<float> b, Wide<float> c) {
#if defined(__AVX512F__)
  return _mm512_fmadd_ps(a, b, c);
#elif defined(__FMA__)
  return _mm256_fmadd_ps(a, b, c);
#else
  return a * b + c;
#endif
}
MP_INLINE Wide<double> multiply_add(Wide<double> a, Wide<double> b, Wide<double> c) {
#if defined(__AVX512F__)
  return _mm512_fmadd_pd(a, b, c);
#elif defined(__FMA__)
  return _mm256_fmadd_pd(a, b, c);
#else
  return a * b + c;
#endif
}

// The first operand: element (i, k) is at data[i * row + k * step]; one of the two is 1.
template <class T>
struct Left {
  const T* data;
  int64_t row, step;
};

template <class T, int kRows, bool kAlongRows>
void tile(int64_t depth, const T* a, int64_t stride, const T* b, T* c, int64_t c_row, bool add) {
  using V = Wide<T>;
  constexpr int kLanes = kLanesOf<T>;
  V sum[kRows][2];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) sum[i][j] = V{};
  for (int64_t k = 0; k < depth; ++k, b += 2 * kLanes) {
    const V b0 = load_wide<V>(b), b1 = load_wide<V>(b + kLanes);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      const V x = splat<V>(kAlongRows ? a[i * stride + k] : a[k * stride + i]);
      sum[i][0] = multiply_add(x, b0, sum[i][0]);
      sum[i][1] = multiply_add(x, b1, sum[i][1]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      T* to = c + i * c_row + j * kLanes;
      store_wide(to, add ? load_wide<V>(to) + sum[i][j] : sum[i][j]);
    }
}

template <class T>
using Tile = void (*)(int64_t, const T*, int64_t, const T*, T*, int64_t, bool);
inline constexpr int kTileRows = 6;
template <class T, bool kAlongRows>
inline constexpr Tile<T> kTiles[kTileRows + 1] = {nullptr,
                                                  tile<T, 1, kAlongRows>,
                                                  tile<T, 2, kAlongRows>,
                                                  tile<T, 3, kAlongRows>,
                                                  tile<T, 4, kAlongRows>,
                                                  tile<T, 5, kAlongRows>,
                                                  tile<T, 6, kAlongRows>};

// A tile of fewer columns than a panel has, by way of a whole one.
template <class T>
void narrow_tile(Tile<T> run, int64_t depth, const T* a, int64_t stride, const T* b, T* c,
                 int64_t c_row, bool add, int64_t rows, int64_t columns) {
  T whole[kTileRows * kPanel<T>] = {};
  for (int64_t i = 0; add && i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) whole[i * kPanel<T> + j] = c[i * c_row + j];
  run(depth, a, stride, b, whole, kPanel<T>, add);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) c[i * c_row + j] = whole[i * kPanel<T> + j];
}

inline constexpr int64_t kDepth = 128;  // longer chains would lose digits

template <class T>
void multiply_shallow(int64_t m, int64_t n, int64_t depth, Left<T> a, const T* panels,
                      int64_t panel, T* c, int64_t c_row, bool add) {
  const bool along = a.step == 1;
  const auto& tiles = along ? kTiles<T, true> : kTiles<T, false>;
  const int64_t stride = along ? a.row : a.step;
  for (int64_t j = 0; j < n; j += kPanel<T>, panels += panel) {
    const int64_t columns = smaller<int64_t>(n - j, kPanel<T>);
    for (int64_t i = 0; i < m; i += kTileRows) {
      const int64_t rows = smaller<int64_t>(m - i, kTileRows);
      const T* from = a.data + i * a.row;
      T* to = c + i * c_row + j;
      if (columns == kPanel<T>)
        tiles[rows](depth, from, stride, panels, to, c_row, add);
      else
        narrow_tile(tiles[rows], depth, from, stride, panels, to, c_row, add, rows, columns);
    }
  }
}

// c (m, n) = or += a (m, depth) times panels of n columns, `panel` elements apart.
template <class T>
void multiply_panels(int64_t m, int64_t n, int64_t depth, Left<T> a, const T* panels, int64_t panel,
                     T* c, int64_t c_row, bool add) {
  for (int64_t k = 0; k == 0 || k < depth; k += kDepth, add = true) {
    const Left<T> from{a.data + k * a.step, a.row, a.step};
    multiply_shallow(m, n, smaller(depth - k, kDepth), from, panels + k * kPanel<T>, panel, c,
                     c_row, add);
  }
}

// Panels of a matrix whose rows are `step` apart: its columns are the panels' columns.
template <class T>
void pack_panels(const T* from, int64_t step, int64_t rows, int64_t columns, T* to) {
  for (int64_t j = 0; j < columns; j += kPanel<T>) {
    const int64_t n = smaller<int64_t>(columns - j, kPanel<T>);
    for (int64_t i = 0; i < rows; ++i, to += kPanel<T>) {
      const T* row = from + i * step + j;
      if (n == kPanel<T>)
        __builtin_memcpy(to, row, sizeof(T) * kPanel<T>);
      else
        for (int64_t k = 0; k < kPanel<T>; ++k) to[k] = k < n ? row[k] : T(0);
    }
  }
}

// Panels of the transpose: the matrix's rows are the panels' columns.
template <class T>
void pack_transposed(const T* from, int64_t step, int64_t rows, int64_t columns, T* to) {
  for (int64_t i = 0; i < rows; i += kPanel<T>, to += columns * kPanel<T>) {
    const int64_t n = smaller<int64_t>(rows - i, kPanel<T>);
    for (int64_t k = 0; k < kPanel<T>; ++k) {
      const T* row = from + (i + k) * step;
      for (int64_t j = 0; j < columns; ++j) to[j * kPanel<T> + k] = k < n ? row[j] : T(0);
    }
  }
}

}  // namespace mp::cpu::MP_ISA
