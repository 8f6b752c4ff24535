// Products with the second operand in panels: two vectors of columns side by side, one row after
// the other. Included by *_isa.cc files only. Every element of a result is the sum of chains of
// (fused) multiply-adds in the order of the depth, so its bits do not depend on where blocks of
// rows and panels begin.
// - The columns that fill the last panel repeat the last real one: a zero there would make a NaN of
//   an infinity, and raise a flag that no element of the result raises.
#pragma once
#include "cpu/vector_access.h"

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

// The first operand: element (i, k) is at data[i * row + k * step], of which one is 1; or, packed,
// in strips of rows (see Strips), one column of a strip after the other.
template <class T>
struct Left {
  const T* data;
  int64_t row, step;
  bool packed = false;
};

// kVectors of a panel's two vectors.
template <class T, int kRows, int kVectors, bool kAlongRows>
void tile(int64_t depth, const T* a, int64_t stride, const T* b, T* c, int64_t c_row, bool add) {
  using V = Wide<T>;
  constexpr int kLanes = kLanesOf<T>;
  V sum[kRows][kVectors];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
    __builtin_prefetch(c + i * c_row, 1);
    __builtin_prefetch(c + i * c_row + kVectors * kLanes - 1, 1);
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; ++j) sum[i][j] = V{};
  }
  for (int64_t k = 0; k < depth; ++k, b += kPanel<T>) {
    V right[kVectors];
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; ++j) right[j] = load_wide<V>(b + j * kLanes);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      const V x = splat<V>(kAlongRows ? a[i * stride + k] : a[k * stride + i]);
#pragma GCC unroll 2
      for (int j = 0; j < kVectors; ++j) sum[i][j] = multiply_add(x, right[j], sum[i][j]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; ++j) {
      T* to = c + i * c_row + j * kLanes;
      store_wide(to, add ? load_wide<V>(to) + sum[i][j] : sum[i][j]);
    }
}

template <class T>
using Tile = void (*)(int64_t, const T*, int64_t, const T*, T*, int64_t, bool);
inline constexpr int kTileRows = 6;
template <class T, int kVectors, bool kAlongRows>
inline constexpr Tile<T> kTiles[kTileRows] = {
    tile<T, 1, kVectors, kAlongRows>, tile<T, 2, kVectors, kAlongRows>,
    tile<T, 3, kVectors, kAlongRows>, tile<T, 4, kVectors, kAlongRows>,
    tile<T, 5, kVectors, kAlongRows>, tile<T, 6, kVectors, kAlongRows>};

// The tiles of 1 to kTileRows rows.
template <class T>
const Tile<T>* tiles_for(bool one_vector, bool along_rows) {
  if (one_vector) return along_rows ? kTiles<T, 1, true> : kTiles<T, 1, false>;
  return along_rows ? kTiles<T, 2, true> : kTiles<T, 2, false>;
}

// A tile of fewer columns than its vectors have, by way of a whole one.
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

// Rows in strips of at most kTileRows and of about equal height, since a tile of one or two rows
// takes as long as one of four.
struct Strips {
  int64_t height, taller;  // the first `taller` strips have a row more
  explicit Strips(int64_t rows) {
    const int64_t count = (rows + kTileRows - 1) / kTileRows;
    height = count ? rows / count : 0;
    taller = rows - count * height;
  }
  int64_t rows(int64_t strip) const { return height + (strip < taller); }
};

inline constexpr int64_t kDepth = 128;  // longer chains would lose digits

template <class T>
void multiply_shallow(int64_t m, int64_t n, int64_t depth, Left<T> a, const T* panels,
                      int64_t panel, T* c, int64_t c_row, bool add) {
  const bool along = !a.packed && a.step == 1;
  const Strips strips(m);
  for (int64_t j = 0; j < n; j += kPanel<T>, panels += panel) {
    const int64_t columns = smaller<int64_t>(n - j, kPanel<T>);
    const Tile<T>* tiles = tiles_for<T>(columns <= kLanesOf<T>, along);
    const bool whole = columns % kLanesOf<T> == 0;
    for (int64_t i = 0, strip = 0, rows; i < m; i += rows, ++strip) {
      rows = strips.rows(strip);
      const T* from = a.data + i * (a.packed ? depth : a.row);
      const int64_t stride = a.packed ? rows : along ? a.row : a.step;
      T* to = c + i * c_row + j;
      if (whole)
        tiles[rows - 1](depth, from, stride, panels, to, c_row, add);
      else
        narrow_tile(tiles[rows - 1], depth, from, stride, panels, to, c_row, add, rows, columns);
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

#if defined(__AVX__)
// Squares of as many numbers as a vector of 32 bytes holds, transposed: row i of `from` becomes
// lane i of all `to`.
MP_INLINE void transpose(const float* const* from, int64_t at, Vec<float, 8>* to) {
  __m256 r[8], s[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) r[i] = _mm256_loadu_ps(from[i] + at);
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    const __m256 a = _mm256_unpacklo_ps(r[i], r[i + 1]), b = _mm256_unpackhi_ps(r[i], r[i + 1]),
                 c = _mm256_unpacklo_ps(r[i + 2], r[i + 3]),
                 d = _mm256_unpackhi_ps(r[i + 2], r[i + 3]);
    s[i] = _mm256_shuffle_ps(a, c, 0x44);
    s[i + 1] = _mm256_shuffle_ps(a, c, 0xee);
    s[i + 2] = _mm256_shuffle_ps(b, d, 0x44);
    s[i + 3] = _mm256_shuffle_ps(b, d, 0xee);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    to[i] = _mm256_permute2f128_ps(s[i], s[i + 4], 0x20);
    to[i + 4] = _mm256_permute2f128_ps(s[i], s[i + 4], 0x31);
  }
}
MP_INLINE void transpose(const double* const* from, int64_t at, Vec<double, 4>* to) {
  const __m256d r0 = _mm256_loadu_pd(from[0] + at), r1 = _mm256_loadu_pd(from[1] + at),
                r2 = _mm256_loadu_pd(from[2] + at), r3 = _mm256_loadu_pd(from[3] + at);
  const __m256d a = _mm256_unpacklo_pd(r0, r1), b = _mm256_unpackhi_pd(r0, r1),
                c = _mm256_unpacklo_pd(r2, r3), d = _mm256_unpackhi_pd(r2, r3);
  to[0] = _mm256_permute2f128_pd(a, c, 0x20);
  to[1] = _mm256_permute2f128_pd(b, d, 0x20);
  to[2] = _mm256_permute2f128_pd(a, c, 0x31);
  to[3] = _mm256_permute2f128_pd(b, d, 0x31);
}
#endif

// to[k * kWidth + r] = row r of a matrix at k, for kWidth rows; those from `rows` on repeat the
// last.
template <class T, int kWidth>
void interleave(const T* from, int64_t step, int64_t rows, int64_t depth, T* to) {
  const T* row[kWidth];
  for (int64_t r = 0; r < kWidth; ++r) row[r] = from + smaller<int64_t>(r, rows - 1) * step;
  int64_t k = 0;
#if defined(__AVX__)
  constexpr int kSide = 32 / sizeof(T);
  if constexpr (kWidth % kSide == 0)
    for (; k + kSide <= depth; k += kSide)
      for (int r = 0; r < kWidth; r += kSide) {
        Vec<T, kSide> square[kSide];
        transpose(row + r, k, square);
#pragma GCC unroll 8
        for (int i = 0; i < kSide; ++i) store_wide(to + (k + i) * kWidth + r, square[i]);
      }
#endif
  for (; k < depth; ++k)
    for (int r = 0; r < kWidth; ++r) to[k * kWidth + r] = row[r][k];
}

// Panels of a matrix whose rows are `step` apart: its columns are the panels' columns. Some panels
// at a time, so that memory is read in long pieces.
template <class T>
void pack_panels(const T* from, int64_t step, int64_t rows, int64_t columns, T* to) {
  constexpr int64_t kAtOnce = 8 * kPanel<T>;
  const int64_t panel = rows * kPanel<T>;
  for (int64_t j = 0; j < columns; j += kAtOnce, to += 8 * panel)
    for (int64_t i = 0; i < rows; ++i) {
      const T* row = from + i * step;
      T* out = to + i * kPanel<T>;
      const int64_t end = smaller(columns, j + kAtOnce);
      int64_t p = j;
      for (; p + kPanel<T> <= end; p += kPanel<T>, out += panel)
        __builtin_memcpy(out, row + p, sizeof(T) * kPanel<T>);
      if (p == end) continue;
      const int64_t rest = end - p;
      for (int64_t k = 0; k < rest; ++k) out[k] = row[p + k];
      for (int64_t k = rest; k < kPanel<T>; ++k) out[k] = row[end - 1];
    }
}

// Panels of the transpose: the matrix's rows are the panels' columns.
template <class T>
void pack_transposed(const T* from, int64_t step, int64_t rows, int64_t columns, T* to) {
  for (int64_t i = 0; i < rows; i += kPanel<T>, to += columns * kPanel<T>)
    interleave<T, kPanel<T>>(from + i * step, step, smaller<int64_t>(rows - i, kPanel<T>), columns,
                             to);
}

}  // namespace mp::cpu::MP_ISA
