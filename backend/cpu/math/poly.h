// Tools of the math functions: Horner, fused multiply-add where the instruction set has it, exact
// sums and products, powers of two, and ln 2 in parts; with MP_PLAIN_MATH nothing is fused. The
// coefficients in math/*.h are minimax fits (Remez) over the reduced ranges, rounded to the type.
#pragma once
#include "cpu/math/basic.h"

namespace mp::cpu::MP_ISA {

// The mask of a condition's lanes is as wide as the data, which keeps loops in one vector type.
#if (defined(__FMA__) || defined(__aarch64__)) && !defined(MP_PLAIN_MATH)
MP_FN float mp_fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
MP_FN double mp_fma(double a, double b, double c) { return __builtin_fma(a, b, c); }
// a * b - product, exactly.
MP_FN double mp_product_error(double a, double b, double product) {
  return __builtin_fma(a, b, -product);
}
MP_FN float mp_product_error(float a, float b, float product) {
  return __builtin_fmaf(a, b, -product);
}
#else
MP_FN float mp_fma(float a, float b, float c) { return a * b + c; }
MP_FN double mp_fma(double a, double b, double c) { return a * b + c; }
MP_FN double mp_product_error(double a, double b, double product) {
  const double sa = a * 0x1.0000002p27, sb = b * 0x1.0000002p27;  // Veltkamp's split
  const double ah = sa - (sa - a), bh = sb - (sb - b), al = a - ah, bl = b - bh;
  return ((ah * bh - product) + ah * bl + al * bh) + al * bl;
}
MP_FN float mp_product_error(float a, float b, float product) {
  return float(double(a) * double(b) - double(product));
}
#endif

template <class T>
MP_FN T mp_horner(T, T c) {
  return c;
}
// c + x * (next + x * (...)), lowest coefficient first.
template <class T, class... Rest>
MP_FN T mp_horner(T x, T c, Rest... rest) {
  return mp_fma(mp_horner(x, T(rest)...), x, c);
}

// The same over an array from its i-th coefficient on.
template <int i, class T, int n>
MP_FN T mp_series(T x, const T (&c)[n]) {
  if constexpr (i == n - 1)
    return c[i];
  else
    return mp_fma(mp_series<i + 1>(x, c), x, c[i]);
}

// 2^k for integral k in the range of normal numbers.
inline constexpr double kRoundD = 0x1.8p52;
inline constexpr float kRoundF = 0x1.8p23f;
MP_FN double mp_pow2(double k) {
  const uint64_t biased = uint64_t(mp_bits(k + (kRoundD + 1023)));
  return mp_from_bits(int64_t(biased << 52));
}
MP_FN float mp_pow2(float k) {
  const uint32_t biased = uint32_t(mp_bits(k + (kRoundF + 127)));
  return mp_from_bits(int32_t(biased << 23));
}
// The nearest integer of a small number.
MP_FN double mp_nearest(double a) { return (a + kRoundD) - kRoundD; }
MP_FN float mp_nearest(float a) { return (a + kRoundF) - kRoundF; }

template <class T>
struct Sum {
  T hi, lo;
};
// a + b exactly; for |a| >= |b| the short form does.
template <class T>
MP_FN Sum<T> mp_two_sum(T a, T b) {
  const T hi = a + b, from_b = hi - a;
  return {hi, (a - (hi - from_b)) + (b - from_b)};
}
template <class T>
MP_FN Sum<T> mp_fast_two_sum(T a, T b) {
  const T hi = a + b;
  return {hi, b - (hi - a)};
}

// (num.hi + num.lo) / (den.hi + den.lo) as the rounded quotient and what it lacks.
template <class T>
MP_FN Sum<T> mp_quotient(Sum<T> num, Sum<T> den) {
  const T inverse = T(1) / den.hi;
#if (defined(__FMA__) || defined(__aarch64__)) && !defined(MP_PLAIN_MATH)
  const T quotient = num.hi * inverse;
  const T rest = mp_fma(-quotient, den.hi, num.hi) + mp_fma(-quotient, den.lo, num.lo);
#else
  const T quotient = num.hi / den.hi, product = quotient * den.hi;
  const T rest = ((num.hi - product) - mp_product_error(quotient, den.hi, product)) +
                 (num.lo - quotient * den.lo);
#endif
  return {quotient, rest * inverse};
}
template <class T>
MP_FN T mp_divide(Sum<T> num, Sum<T> den) {
  const Sum<T> q = mp_quotient(num, den);
  return q.hi + q.lo;
}

// ln 2 with a short high part: k * hi is exact.
MP_FN double mp_ln2_hi(double) { return 0x1.62e42fee00000p-1; }
MP_FN double mp_ln2_lo(double) { return 0x1.a39ef35793c76p-33; }
MP_FN float mp_ln2_hi(float) { return 0x1.62ep-1f; }
MP_FN float mp_ln2_lo(float) { return 0x1.0bfbe8p-15f; }

}  // namespace mp::cpu::MP_ISA
