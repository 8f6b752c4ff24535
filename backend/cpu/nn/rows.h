// Sums and extremes over contiguous rows and the exponential of numbers that are not positive, for
// the kernels of csrc/ops/nn. Included by *_isa.cc files only. Lanes are 128 bytes wide whatever
// the instruction set, so that all of them add in the same order; sums of more than a block go on
// in double.
#pragma once
#include "cpu/math/exp.h"
#include "cpu/vec.h"

namespace mp::cpu::MP_ISA {

#if defined(__AVX__)
inline constexpr int kVectorBytes = 32;
#else
inline constexpr int kVectorBytes = 16;
#endif
template <class T>
using RowVector = Vec<T, kVectorBytes / sizeof(T)>;
inline constexpr int kRowVectors = 128 / kVectorBytes;
template <class T>
inline constexpr int64_t kRowLanes = 128 / sizeof(T);
template <class T>
inline constexpr int64_t kPerVector = kVectorBytes / sizeof(T);
inline constexpr int64_t kRowBlock = 256;

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

// The sum of lanes by halves: the same for any width of vectors.
template <class T>
MP_INLINE double add_row_lanes(const RowVector<T> (&v)[kRowVectors]) {
  T lane[kRowLanes<T>];
  __builtin_memcpy(lane, v, sizeof lane);
  for (int64_t half = kRowLanes<T> / 2; half > 0; half /= 2)
    for (int64_t k = 0; k < half; ++k) lane[k] += lane[k + half];
  return lane[0];
}

// The sum of f(vectors at i) over rows: f takes an index and a type (RowVector<T> or T) to load.
template <class T, class Term>
MP_INLINE double row_sum(int64_t n, Term term) {
  double total = 0;
  int64_t i = 0;
  while (i + kRowLanes<T> <= n) {
    const int64_t stop = smaller(n, i + kRowBlock * 2);
    RowVector<T> sum[kRowVectors];
    for (int k = 0; k < kRowVectors; ++k) sum[k] = term(i + k * kPerVector<T>, RowVector<T>{});
    for (i += kRowLanes<T>; i + kRowLanes<T> <= stop; i += kRowLanes<T>)
      for (int k = 0; k < kRowVectors; ++k) sum[k] += term(i + k * kPerVector<T>, RowVector<T>{});
    total += add_row_lanes<T>(sum);
  }
  for (; i < n; ++i) total += static_cast<double>(term(i, T{}));
  return total;
}
// What a term loads at p: the type of its second argument.
template <class V, class T>
MP_INLINE V load_as(const T* p, V) {
  return load<V>(reinterpret_cast<const char*>(p));
}

// e^x for x <= 0; zero below the normal numbers.
template <class T>
MP_FN T exp_below(T x) {
  const T c = x < Range<T>::kExpMin ? Range<T>::kExpMin : x;
  const ExpParts<T> p = mp_exp_parts(c);
  const T y = (T(1) + (p.r + p.tail)) * mp_pow2(p.k);
  return x < Range<T>::kExpMin ? T(0) : y;
}

}  // namespace mp::cpu::MP_ISA
