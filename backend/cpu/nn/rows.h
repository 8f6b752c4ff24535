// Sums and extremes over contiguous rows, for the kernels of csrc/ops/nn. Included by *_isa.cc
// files only. Lanes are 128 bytes wide whatever the instruction set, so that all of them add in the
// same order; sums of more than a block go on in double.
#pragma once
#include "cpu/math/exp_below.h"
#include "cpu/vec.h"

#define MP_LAMBDA __attribute__((always_inline))

namespace mp::cpu::MP_ISA {

#if defined(__AVX__)
inline constexpr int kRowVectorBytes = 32;
#else
inline constexpr int kRowVectorBytes = 16;
#endif
template <class T>
using RowVector = Vec<T, kRowVectorBytes / sizeof(T)>;
inline constexpr int kRowVectors = 128 / kRowVectorBytes;
template <class T>
inline constexpr int64_t kRowLanes = 128 / sizeof(T);
template <class T>
inline constexpr int64_t kPerVector = kRowVectorBytes / sizeof(T);
inline constexpr int64_t kRowBlock = 512;

template <class T>
const T* row_at(const void* p, int64_t i) {
  return static_cast<const T*>(p) + i;
}
template <class T>
T* row_at(void* p, int64_t i) {
  return static_cast<T*>(p) + i;
}

template <class T>
MP_INLINE RowVector<T> load_row(const T* p) {
  return load<RowVector<T>>(reinterpret_cast<const char*>(p));
}

template <class T>
MP_INLINE T max_of(T a, T b) {
  return a > b ? a : b;
}
#if defined(__AVX__)
MP_INLINE Vec<float, 8> max_of(Vec<float, 8> a, Vec<float, 8> b) { return _mm256_max_ps(a, b); }
MP_INLINE Vec<double, 4> max_of(Vec<double, 4> a, Vec<double, 4> b) { return _mm256_max_pd(a, b); }
#endif

// The largest of scale * x; what a NaN among them does is not defined.
template <class T>
MP_INLINE T row_max(const T* x, int64_t n, T scale) {
  T best = -kInfinity<T>;
  int64_t i = 0;
  if (n >= kRowLanes<T>) {
    RowVector<T> m[kRowVectors];
    for (int k = 0; k < kRowVectors; ++k) m[k] = load_row(x + k * kPerVector<T>) * scale;
    for (i = kRowLanes<T>; i + kRowLanes<T> <= n; i += kRowLanes<T>)
      for (int k = 0; k < kRowVectors; ++k)
        m[k] = max_of(load_row(x + i + k * kPerVector<T>) * scale, m[k]);
    for (int k = 1; k < kRowVectors; ++k) m[0] = max_of(m[0], m[k]);
    for (int k = 0; k < kPerVector<T>; ++k) best = max_of(best, T(m[0][k]));
  }
  for (; i < n; ++i) best = max_of(x[i] * scale, best);
  return best;
}

// The two halves of a vector, added in double.
using WideVector = Vec<double, kRowVectorBytes / 8>;
MP_INLINE WideVector add_halves(RowVector<float> v) {
  using Half = Vec<float, kRowVectorBytes / 8>;
  Half half[2];
  __builtin_memcpy(half, &v, sizeof v);
  return __builtin_convertvector(half[0], WideVector) +
         __builtin_convertvector(half[1], WideVector);
}
MP_INLINE WideVector add_halves(RowVector<double> v) { return v; }

// Sums over the elements of a row: each lane adds every 32nd (16th) one in T, and the lanes go on
// in double after about kRowBlock elements. The rest after the last whole vector is added in
// double.
template <class T>
class RowSum {
 public:
  MP_INLINE void add(int k, RowVector<T> v) { sum_[k] += v; }
  MP_INLINE void add_one(T v) { rest_ += static_cast<double>(v); }
  // After so many elements.
  MP_INLINE void pause(int64_t count) {
    if ((pending_ += count) >= kRowBlock) flush();
  }
  MP_INLINE double total() {
    flush();
    double sum = 0;
    for (int k = 0; k < kRowVectorBytes / 8; ++k) sum += wide_[k];
    return sum + rest_;
  }

 private:
  MP_INLINE void flush() {
    for (RowVector<T>& v : sum_) {
      wide_ += add_halves(v);
      v = RowVector<T>{};
    }
    pending_ = 0;
  }
  RowVector<T> sum_[kRowVectors] = {};
  WideVector wide_ = {};
  double rest_ = 0;
  int64_t pending_ = 0;
};

// Calls vectors(i, k) for the vectors of a row, k being their place among the lanes, one(i)
// for the elements after the last whole vector, and pause(count) after each block.
template <class T, class Vectors, class One, class Pause>
MP_INLINE void for_row(int64_t n, Vectors vectors, One one, Pause pause) {
  for (int64_t i = 0; i < n;) {
    const int64_t start = i, stop = smaller(n, i + kRowBlock);
    for (; i + kRowLanes<T> <= stop; i += kRowLanes<T>)
      for (int k = 0; k < kRowVectors; ++k) vectors(i + k * kPerVector<T>, k);
    for (int k = 0; i + kPerVector<T> <= stop; ++k, i += kPerVector<T>) vectors(i, k);
    for (; i < stop; ++i) one(i);
    pause(stop - start);
  }
}

// Adds term(i, type) of a row: what there is at element i, as a RowVector<T> or a T.
template <class T, class Term>
MP_INLINE void add_row(RowSum<T>& sum, int64_t n, Term term) {
  for_row<T>(
      n, [&](int64_t i, int k) MP_LAMBDA { sum.add(k, term(i, RowVector<T>{})); },
      [&](int64_t i) MP_LAMBDA { sum.add_one(term(i, T{})); },
      [&](int64_t count) MP_LAMBDA { sum.pause(count); });
}
template <class T, class Term>
MP_INLINE double row_sum(int64_t n, Term term) {
  RowSum<T> sum;
  add_row(sum, n, term);
  return sum.total();
}
// What a term loads at p: the type of its second argument.
template <class V, class T>
MP_INLINE V load_as(const T* p, V) {
  return load<V>(reinterpret_cast<const char*>(p));
}

// f(i) for i below n, in any order. By value: what f reads through a reference, bounds included,
// the compiler would read again after each store.
template <class F>
MP_INLINE void each(int64_t n, F f) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) f(i);
}

// Columns of [rows][step] arrays, kTile at a time.
inline constexpr int kTile = 32;
// total[c] = the sum of term(j, c) over rows j, which goes on in double now and then.
template <class T, class Term>
MP_INLINE void sum_columns(int64_t n, int width, double* total, Term term) {
  constexpr int64_t kFlush = 64;  // rows
  for (int c = 0; c < kTile; ++c) total[c] = 0;
  for (int64_t at = 0; at < n; at += kFlush) {
    T part[kTile] = {};
    const int64_t stop = smaller(n, at + kFlush);
    for (int64_t j = at; j < stop; ++j)
      each(width, [&part, &term, j](int64_t c) MP_LAMBDA { part[c] += term(j, c); });
    each(width, [&part, total](int64_t c) MP_LAMBDA { total[c] += static_cast<double>(part[c]); });
  }
}

// Adds a row's dy to the one sum and dy * (x - mean) to the other.
template <class T>
MP_INLINE void add_centered(RowSum<T>& sum, RowSum<T>& products, int64_t n, const T* x, const T* dy,
                            T mean) {
  for_row<T>(
      n,
      [&](int64_t i, int k) MP_LAMBDA {
        const RowVector<T> d = load_row(dy + i);
        sum.add(k, d);
        products.add(k, d * (load_row(x + i) - mean));
      },
      [&](int64_t i) MP_LAMBDA {
        sum.add_one(dy[i]);
        products.add_one(dy[i] * (x[i] - mean));
      },
      [&](int64_t count) MP_LAMBDA {
        sum.pause(count);
        products.pause(count);
      });
}

}  // namespace mp::cpu::MP_ISA
