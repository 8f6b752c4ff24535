// sin, cos, tan for float and double: x = n pi/2 + r, |r| <= pi/4, the reduction in double
// precision. Arguments beyond the reduction's range, infinities included, take the C library's
// functions.
#pragma once
#include <cmath>

#include "cpu/math/exp.h"

namespace mp::cpu::MP_ISA {

struct Octant {
  double r, tail;  // x - n pi/2 = r + tail
  int64_t n;       // modulo 4 in the low bits
};
inline constexpr double kLargestAngle = 0x1p20;
MP_FN Octant mp_reduce_angle(double x) {
  const double shifted = x * 0x1.45f306dc9c883p-1 + kRoundD, k = shifted - kRoundD;
  const double first = x - k * 0x1.921fb54400000p+0;  // exact, as the products are
  const Sum<double> second = mp_two_sum(first, -(k * 0x1.0b4611a600000p-34));
  const Sum<double> r = mp_fast_two_sum(second.hi, second.lo - k * 0x1.3198a2e037073p-69);
  return {r.hi, r.lo, mp_bits(shifted)};
}

// With z = r^2: sin r = r + r z (z this - 1/6), cos r = 1 - z/2 + z^2 (the other).
MP_FN double mp_sin_poly(double z) {
  return mp_horner(z, 0x1.1111111110b98p-7, -0x1.a01a019e7d5bcp-13, 0x1.71de378e55546p-19,
                   -0x1.ae6002724fb4ap-26, 0x1.5e08039854240p-33);
}
MP_FN double mp_cos_poly(double z) {
  return mp_horner(z, 0x1.5555555555555p-5, -0x1.6c16c16c1695ap-10, 0x1.a01a019f4b848p-16,
                   -0x1.27e4fa13bb15ap-22, 0x1.1eeb649cac723p-29, -0x1.907a8a21689b1p-37);
}
// sin(r + tail) = r + this
MP_FN double mp_sin_tail(double r, double tail) {
  const double z = r * r, p = mp_sin_poly(z);
  return mp_fma(r * z, mp_fma(z, p, -0x1.5555555555555p-3), mp_fma(-0.5 * z, tail, tail));
}
// cos(r + tail) = hi + lo
MP_FN Sum<double> mp_cos_parts(double r, double tail) {
  const double z = r * r, half = 0.5 * z, hi = 1 - half, p = mp_cos_poly(z);
  return {hi, ((1 - hi) - half) + mp_fma(z * z, p, -(r * tail))};
}

MP_FN double mp_flip(double y, int64_t n) {  // changes the sign when bit 1 of n is set
  return mp_from_bits(mp_bits(y) ^ int64_t(uint64_t(n & 2) << 62));
}
MP_FN double mp_sin_or_cos(const Octant& a, int64_t n) {
  const double s = a.r + mp_sin_tail(a.r, a.tail);
  const Sum<double> c = mp_cos_parts(a.r, a.tail);
  return mp_flip((n & 1) != 0 ? c.hi + c.lo : s, n);
}

// float: a short reduction in double and short polynomials. Beyond, the first product is not exact.
inline constexpr float kLargestAngleF = 0x1p20f;
struct OctantF {
  float r;
  int32_t n;
};
MP_FN OctantF mp_reduce_angle(float x) {
  const double a = x, shifted = a * 0x1.45f306dc9c883p-1 + kRoundD, k = shifted - kRoundD;
  const double r = mp_fma(-k, 0x1.0b4611a626331p-34, a - k * 0x1.921fb54400000p+0);
  return {float(r), int32_t(mp_bits(shifted))};
}
MP_FN float mp_sin_or_cos(const OctantF& a, int32_t n) {
  const float z = a.r * a.r;
  const float s =
      mp_fma(a.r * z,
             mp_horner(z, -0x1.555556p-3f, 0x1.11110ep-7f, -0x1.a0139cp-13f, 0x1.6dba16p-19f), a.r);
  const float c = mp_fma(
      z * z, mp_horner(z, 0x1.555556p-5f, -0x1.6c16c0p-10f, 0x1.a015bcp-16f, -0x1.2521a6p-22f),
      mp_fma(z, -0.5f, 1.0f));
  const float y = (n & 1) != 0 ? c : s;
  return mp_from_bits(mp_bits(y) ^ int32_t(uint32_t(n & 2) << 30));
}

template <class T>
MP_FN bool mp_beyond_reduction(T x) {
  return mp_abs(x) > (sizeof(T) == 8 ? T(kLargestAngle) : T(kLargestAngleF));
}

struct Sin : MathRow {
  template <class T>
  MP_FN T f(T x) {
    const auto a = mp_reduce_angle(x);
    const T y = mp_sin_or_cos(a, a.n);
    return x == 0 ? x : y;
  }
  template <class T>
  MP_FN bool suspect(T x) {
    return mp_beyond_reduction(x);
  }
  MP_FN float special(float x) { return __builtin_sinf(x); }
  MP_FN double special(double x) { return __builtin_sin(x); }
};

struct Cos : MathRow {
  template <class T>
  MP_FN T f(T x) {
    const auto a = mp_reduce_angle(x);
    return mp_sin_or_cos(a, a.n + 1);
  }
  template <class T>
  MP_FN bool suspect(T x) {
    return mp_beyond_reduction(x);
  }
  MP_FN float special(float x) { return __builtin_cosf(x); }
  MP_FN double special(double x) { return __builtin_cos(x); }
};

// The quotient of sine and cosine, or minus its inverse, with both carried in two parts.
struct Tan : DoubleRow {
  MP_FN double f(double x) {
    const Octant a = mp_reduce_angle(x);
    const Sum<double> s = mp_fast_two_sum(a.r, mp_sin_tail(a.r, a.tail));
    const Sum<double> parts = mp_cos_parts(a.r, a.tail), c = mp_fast_two_sum(parts.hi, parts.lo);
    const bool swapped = (a.n & 1) != 0;
    const Sum<double> num{swapped ? -c.hi : s.hi, swapped ? -c.lo : s.lo};
    const double y = mp_divide(num, {swapped ? s.hi : c.hi, swapped ? s.lo : c.lo});
    return x == 0 ? x : y;
  }
  MP_FN bool suspect(double x) { return mp_beyond_reduction(x); }
  MP_FN double special(double x) { return __builtin_tan(x); }
};

}  // namespace mp::cpu::MP_ISA
