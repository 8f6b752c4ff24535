#include "cpu/gemm.h"
#include "cpu/tiles.h"

namespace mp::cpu::MP_ISA {
namespace {

// to[k * rows + r] = row r at k. A vector is stored for each k: what it writes too much, the next
// one overwrites.
template <class T>
void pack_strip(const T* from, int64_t step, int64_t rows, int64_t depth, T* to) {
  int64_t k = 0;
#if defined(__AVX__)
  constexpr int kSide = 32 / sizeof(T), kSquares = (kTileRows + kSide - 1) / kSide;
  const T* row[kSquares * kSide];
  for (int64_t r = 0; r < kSquares * kSide; ++r) row[r] = from + smaller(r, rows - 1) * step;
  for (; k + kSide <= depth; k += kSide) {
    Vec<T, kSide> square[kSquares][kSide];
    for (int s = 0; s < kSquares; ++s) transpose(row + s * kSide, k, square[s]);
#pragma GCC unroll 8
    for (int i = 0; i < kSide; ++i)
      for (int s = 0; s < kSquares; ++s) store_wide(to + (k + i) * rows + s * kSide, square[s][i]);
  }
#endif
  for (; k < depth; ++k)
    for (int64_t r = 0; r < rows; ++r) to[k * rows + r] = from[r * step + k];
}

// The same for strips of adjacent rows, column by column, so that memory is read in long pieces.
// Whole vectors are stored here, too, as long as that overwrites nothing.
template <class T>
void pack_columns(const T* from, int64_t step, int64_t rows, int64_t depth, T* to) {
  constexpr int64_t kAtOnce = 8, kAhead = 6, kLine = 64 / sizeof(T);
  static_assert(kAtOnce >= kTileRows && kAtOnce <= kGemmSlack);
  const Strips strips(rows);
  for (int64_t k = 0; k < depth; ++k, from += step) {
    if (k + kAhead < depth)
      for (int64_t i = 0; i < rows; i += kLine) __builtin_prefetch(from + kAhead * step + i);
    const int64_t safe = k + 1 < depth ? rows - kAtOnce : -1;
    int64_t i = 0, end = strips.taller * (strips.height + 1);
    for (int64_t height = strips.height + 1; height >= strips.height; --height, end = rows) {
      T* out = to + i * depth + k * height;
      for (; i < end && i <= safe; i += height, out += height * depth)
        __builtin_memcpy(out, from + i, sizeof(T) * kAtOnce);
      for (; i < end; i += height, out += height * depth)
        for (int64_t r = 0; r < height; ++r) out[r] = from[i + r];
    }
  }
}

template <class T>
void pack_left(const T* from, int64_t row, int64_t col, int64_t rows, int64_t depth, T* to) {
  if (row == 1) return pack_columns(from, col, rows, depth, to);
  const Strips strips(rows);
  for (int64_t i = 0, strip = 0, height; i < rows; i += height, ++strip) {
    height = strips.rows(strip);
    T* out = to + i * depth;
    if (col == 1) {
      pack_strip(from + i * row, row, height, depth, out);
      continue;
    }
    for (int64_t k = 0; k < depth; ++k)
      for (int64_t r = 0; r < height; ++r) out[k * height + r] = from[(i + r) * row + k * col];
  }
}

template <class T>
void pack_right(const T* from, int64_t row, int64_t col, int64_t depth, int64_t columns, T* to) {
  if (col == 1) return pack_panels(from, row, depth, columns, to);
  if (row == 1) return pack_transposed(from, col, columns, depth, to);
  for (int64_t j = 0; j < columns; j += kPanel<T>)
    for (int64_t k = 0; k < depth; ++k, to += kPanel<T>)
      for (int64_t i = 0; i < kPanel<T>; ++i)
        to[i] = from[k * row + smaller(j + i, columns - 1) * col];
}

template <class T>
void multiply(const GemmBlock<T>& b) {
  multiply_shallow<T>(b.m, b.n, b.depth, {b.a, b.a_row, b.a_col, b.a_packed}, b.panels,
                      b.depth * kPanel<T>, b.c, b.c_row, b.add);
}

// In squares; the last of a row or column of them overlap others, which writes the same again.
template <class T>
void transpose_matrix(const T* from, int64_t from_row, int64_t rows, int64_t columns, T* to,
                      int64_t to_row) {
#if defined(__AVX__)
  constexpr int64_t kSide = 32 / sizeof(T);
  if (rows >= kSide && columns >= kSide) {
    for (int64_t j = 0; j < columns; j += kSide)
      for (int64_t i = 0; i < rows; i += kSide) {
        const int64_t row = smaller(i, rows - kSide), column = smaller(j, columns - kSide);
        const T* side[kSide];
        for (int64_t r = 0; r < kSide; ++r) side[r] = from + (row + r) * from_row;
        Vec<T, kSide> square[kSide];
        transpose(side, column, square);
        for (int64_t c = 0; c < kSide; ++c) store_wide(to + (column + c) * to_row + row, square[c]);
      }
    return;
  }
#endif
  for (int64_t j = 0; j < columns; ++j)
    for (int64_t i = 0; i < rows; ++i) to[j * to_row + i] = from[i * from_row + j];
}

}  // namespace

extern const GemmLoops<float> gemm_f32;
const GemmLoops<float> gemm_f32 = {kPanel<float>, pack_left<float>, pack_right<float>,
                                   multiply<float>, transpose_matrix<float>};
extern const GemmLoops<double> gemm_f64;
const GemmLoops<double> gemm_f64 = {kPanel<double>, pack_left<double>, pack_right<double>,
                                    multiply<double>, transpose_matrix<double>};

}  // namespace mp::cpu::MP_ISA
