// exp, exp2, expm1, sinh, cosh, tanh for float and double.
// e^x = 2^k e^r with |r| <= ln2/2; e^r - 1 = r + r^2 q(r). Errors below 1 ULP (tanh, sinh, cosh
// below 2).
#pragma once
#include "cpu/fp_flags.h"
#include "cpu/math/poly.h"

namespace mp::cpu::MP_ISA {

// (e^r - 1 - r) / r^2
template <class T>
inline constexpr T kExpTail[] = {
    0x1.0000000000000p-1,  0x1.5555555555557p-3,  0x1.5555555555558p-5,  0x1.11111111100bep-7,
    0x1.6c16c16c151a8p-10, 0x1.a01a01abf86abp-13, 0x1.a01a01ad11cb5p-16, 0x1.71de01fd42369p-19,
    0x1.27e4cca216ad9p-22, 0x1.af4e569eda739p-26, 0x1.1f8b8a8bf2f1cp-29};
template <>
inline constexpr float kExpTail<float>[] = {0x1.000000p-1f, 0x1.555556p-3f,  0x1.5554e8p-5f,
                                            0x1.1110aap-7f, 0x1.6d43b4p-10f, 0x1.a17f42p-13f};
template <class T>
MP_FN T mp_exp_tail(T r) {
  return mp_series<0>(r, kExpTail<T>);
}

template <class T>
struct ExpParts {
  T k, r, tail;  // x = k ln2 + r, e^r = 1 + r + tail
};
template <class T>
MP_FN ExpParts<T> mp_exp_parts(T x) {
  const T k = mp_nearest(x * T(0x1.71547652b82fep+0));
  const T r = mp_fma(-k, mp_ln2_lo(x), mp_fma(-k, mp_ln2_hi(x), x));
  return {k, r, r * r * mp_exp_tail(r)};
}
// y * 2^k in two steps, so that neither factor leaves the range and subnormal results round once.
template <class T>
MP_FN T mp_scale(T y, T k) {
  const T half = mp_nearest(k * T(0.5));
  return y * mp_pow2(half) * mp_pow2(k - half);
}
// A NaN passes through.
template <class T>
MP_FN T mp_clamp(T x, T lo, T hi) {
  x = x < lo ? lo : x;
  return x > hi ? hi : x;
}

template <class T>
struct Range;  // where e^x is a normal number, and a little more
template <>
struct Range<float> {
  static constexpr float kExpMax = 0x1.62e42ep6f, kExpMin = -0x1.5d589ep6f, kExpZero = -104.0f,
                         kInf = 89.0f;
  static constexpr float kExp2Max = 128.0f, kExp2Min = -126.0f, kExp2Zero = -151.0f;
  static constexpr float kTanhOne = 10.0f, kMinusOne = -18.0f, kTiny = 0x1p-13f,
                         kHypMax = 0x1.65a9f8p6f, kHypInf = 89.5f;
};
template <>
struct Range<double> {
  static constexpr double kExpMax = 0x1.62e42fefa39efp9, kExpMin = -0x1.6232bdd7abcd2p9,
                          kExpZero = -746.0, kInf = 710.0;
  static constexpr double kExp2Max = 1024.0, kExp2Min = -1022.0, kExp2Zero = -1076.0;
  static constexpr double kTanhOne = 22.0, kMinusOne = -40.0, kTiny = 0x1p-28,
                          kHypMax = 0x1.633ce8fb9f87dp9, kHypInf = 710.5;
};
template <class T>
inline constexpr T kInfinity = T(__builtin_inf());

struct MathRow {
  static constexpr bool kQuiet = true, kFloat = true;
};
struct DoubleRow {
  static constexpr bool kQuiet = true, kFloat = false;
};

struct Exp : MathRow {
  template <class T>
  MP_FN T f(T x) {
    const T c = mp_clamp(x, Range<T>::kExpZero, Range<T>::kInf);
    const ExpParts<T> p = mp_exp_parts(c);
    return mp_scale(T(1) + (p.r + p.tail), p.k);
  }
  template <class T>
  MP_FN bool suspect(T x) {
    return (x > Range<T>::kExpMax) | (x < Range<T>::kExpMin);
  }
  template <class T>
  MP_FN int flags(T x) {
    const int over = (x > Range<T>::kExpMax) & (x < kInfinity<T>) ? kOverflow : 0;
    return over | ((x < Range<T>::kExpMin) & (x > -kInfinity<T>) ? kUnderflow : 0);
  }
};

struct Exp2 : MathRow {
  template <class T>
  MP_FN T f(T x) {
    const T c = mp_clamp(x, Range<T>::kExp2Zero, Range<T>::kExp2Max);
    const T k = mp_nearest(c), part = c - k;
    // part * ln2 = r + low
    const T ln2 = T(0x1.62e42fefa39efp-1);
    const T ln2_rest = sizeof(T) == 8 ? T(0x1.abc9e3b39803fp-56) : T(-0x1.05c610p-29);
    const T hi = mp_ln2_hi(x) * part, r = part * ln2;
    const T low = sizeof(T) == 8 ? mp_fma(part, ln2_rest, T(mp_product_error(part, ln2, r)))
                                 : (hi - r) + mp_ln2_lo(x) * part;
    return mp_scale(T(1) + (r + (low + r * r * mp_exp_tail(r))), k);
  }
  template <class T>
  MP_FN bool suspect(T x) {
    return (x >= Range<T>::kExp2Max) | (x < Range<T>::kExp2Min);
  }
  template <class T>
  MP_FN int flags(T x) {
    const int over = (x >= Range<T>::kExp2Max) & (x < kInfinity<T>) ? kOverflow : 0;
    return over | ((x < Range<T>::kExp2Min) & (x > -kInfinity<T>) ? kUnderflow : 0);
  }
};

// e^x - 1 as 2 (hi + lo), x in [kMinusOne, kInf]: 2^(k-1) (1 + r + tail) - 1/2.
template <class T>
MP_FN Sum<T> mp_half_expm1(T x) {
  const ExpParts<T> p = mp_exp_parts(x);
  const T scale = mp_pow2(p.k - T(1));
  const Sum<T> sum = mp_two_sum(scale - T(0.5), scale * p.r);
  return {sum.hi, sum.lo + scale * p.tail};
}

struct Expm1 : MathRow {
  template <class T>
  MP_FN T f(T x) {
    const Sum<T> half = mp_half_expm1(mp_clamp(x, Range<T>::kMinusOne, Range<T>::kInf));
    const T y = T(2) * (half.hi + half.lo);
    return mp_abs(x) < T(0x1p-60) ? x : y;
  }
  template <class T>
  MP_FN bool suspect(T x) {
    return x > Range<T>::kExpMax;
  }
  template <class T>
  MP_FN int flags(T x) {
    return (x > Range<T>::kExpMax) & (x < kInfinity<T>) ? kOverflow : 0;
  }
};

struct Tanh : MathRow {
  template <class T>
  MP_FN T f(T x) {
    const T a = mp_clamp(mp_abs(x), T(0), Range<T>::kTanhOne);
    const Sum<T> half = mp_half_expm1(a + a);
    const Sum<T> h = mp_fast_two_sum(half.hi, half.lo);  // (e^2a - 1) / 2
    const T y = mp_divide(h, mp_two_sum(T(1), h.hi));
    return mp_copysign(a < T(0x1p-30) ? a : y, x);
  }
};

// Above 22 (10) the other exponential is below half an ULP.
struct Sinh : MathRow {
  template <class T>
  MP_FN T f(T x) {
    const T a = mp_clamp(mp_abs(x), T(0), Range<T>::kHypInf);
    const ExpParts<T> p = mp_exp_parts(a);
    const T quarter = mp_pow2(p.k - T(2));
    const T big = T(2) * (quarter + quarter * (p.r + p.tail));
    const T scale = T(2) * quarter;
    const Sum<T> sum = mp_two_sum(scale - T(0.5), scale * p.r);
    const Sum<T> h = mp_fast_two_sum(sum.hi, sum.lo + scale * p.tail);  // (e^a - 1) / 2
    const Sum<T> y2 = mp_two_sum(h.hi, h.hi / (h.hi + h.hi + T(1)));
    const T y = y2.hi + (y2.lo + h.lo);
    const T small = a < T(0x1p-30) ? a : y;
    return mp_copysign(a < Range<T>::kTanhOne ? small : a == a ? big : a, x);
  }
  template <class T>
  MP_FN bool suspect(T x) {
    return mp_abs(x) > Range<T>::kHypMax;
  }
  template <class T>
  MP_FN int flags(T x) {
    return (mp_abs(x) > Range<T>::kHypMax) & (mp_abs(x) < kInfinity<T>) ? kOverflow : 0;
  }
};

struct Cosh : MathRow {
  template <class T>
  MP_FN T f(T x) {
    const T a = mp_clamp(mp_abs(x), T(0), Range<T>::kHypInf);
    const ExpParts<T> p = mp_exp_parts(a);
    const T quarter = mp_pow2(p.k - T(2));
    const T h = quarter + quarter * (p.r + p.tail);  // e^a / 4
    return T(2) * (h + T(0.0625) / h);
  }
  template <class T>
  MP_FN bool suspect(T x) {
    return mp_abs(x) > Range<T>::kHypMax;
  }
  template <class T>
  MP_FN int flags(T x) {
    return (mp_abs(x) > Range<T>::kHypMax) & (mp_abs(x) < kInfinity<T>) ? kOverflow : 0;
  }
};

}  // namespace mp::cpu::MP_ISA
