// arcsin, arccos, arctan, arctan2, arcsinh, arccosh, arctanh in double (float computes in double).
#pragma once
#include "cpu/math/log.h"

namespace mp::cpu::MP_ISA {

inline constexpr double kPi = 0x1.921fb54442d18p+1, kPiLow = 0x1.1a62633145c07p-53;

// (arctan t - t) / t, z = t^2, |t| <= tan(pi/8)
MP_FN double mp_atan_tail(double z) {
  return z * mp_horner(z, -0x1.5555555555555p-2, 0x1.9999999999956p-3, -0x1.249249248da52p-3,
                       0x1.c71c71c31e926p-4, -0x1.745d16626d282p-4, 0x1.3b13934d31367p-4,
                       -0x1.110e8f41b72d5p-4, 0x1.e19aa7c5fe365p-5, -0x1.ac7e5fd1896cep-5,
                       0x1.74ed4180c54d8p-5, -0x1.1b56fb3338fb5p-5, 0x1.0b18a70119066p-6);
}

// arctan(num / den) for num, den >= 0, not both zero or infinite:
// the quotient itself, or pi/4 plus that of (num - den) / (num + den), or pi/2 minus that of den /
// num.
MP_FN double mp_atan_ratio(double num, double den) {
  const bool high = num > 0x1.3504f333f9de6p+1 * den, low = num <= 0x1.a827999fcef32p-2 * den;
  const double n = low ? num : high ? -den : num - den, d = low ? den : high ? num : num + den;
  const double base = low    ? 0.0
                      : high ? kPi / 2
                             : kPi / 4,
               base_lo = low    ? 0.0
                         : high ? kPiLow / 2
                                : kPiLow / 4;
  const Sum<double> quotient = mp_quotient<double>({n, 0}, {d, 0});
  const double q = quotient.hi;
  const Sum<double> sum = mp_fast_two_sum(base, q);
  const double rest = mp_fma(q, mp_atan_tail(q * q), quotient.lo + base_lo);
  return low ? q + rest : sum.hi + (sum.lo + rest);
}

struct Arctan : DoubleRow {
  MP_FN double f(double x) {
    const double a = mp_abs(x);
    const double y = mp_atan_ratio(a < 0x1p60 ? a : a == a ? 0x1p60 : a, 1.0);
    return mp_copysign(a < 0x1p-30 ? a : y, x);
  }
};

// (arcsin t - t) / t, z = t^2 <= 1/4
MP_FN double mp_asin_tail(double z) {
  return z * mp_horner(z, 0x1.5555555555556p-3, 0x1.3333333332e40p-4, 0x1.6db6db6e3ee7fp-5,
                       0x1.f1c71c1618669p-6, 0x1.6e8bb2ee03331p-6, 0x1.1c4d1b9cbabfdp-6,
                       0x1.c9d1fd1da1262p-7, 0x1.780a276c413dep-7, 0x1.52f4c93db7b8bp-7,
                       0x1.5fcfab16cce87p-8, 0x1.20fbb3f458b54p-6, -0x1.f28800b57d4f2p-7,
                       0x1.db2104feb7de5p-6);
}
struct ArcRow : DoubleRow {
  MP_FN bool suspect(double x) { return mp_abs(x) > 1; }
  MP_FN int flags(double x) { return mp_abs(x) > 1 ? kInvalid : 0; }
};
// For |x| > 1/2: arcsin |x| = pi/2 - 2 arcsin s, s = sqrt((1 - |x|) / 2).
struct HalfAngle {
  bool far;
  double t, t_lo, z;  // t + t_lo is |x| or s, z = its square
};
MP_FN HalfAngle mp_half_angle(double a) {
  const bool far = a > 0.5;
  const double z = far ? 0.5 - 0.5 * a : a * a, s = mp_sqrt(z);
  const double lost = z - s * s - mp_product_error(s, s, s * s);
  return {far, far ? s : a, far & (s > 0) ? lost / (s + s) : 0.0, z};
}
struct Arcsin : ArcRow {
  MP_FN double f(double x) {
    const HalfAngle h = mp_half_angle(mp_abs(x));
    const double rest = mp_fma(h.t, mp_asin_tail(h.z), h.t_lo);
    const Sum<double> sum = mp_fast_two_sum(kPi / 2, -2 * h.t);
    const double far = sum.hi + (sum.lo + mp_fma(-2.0, rest, kPiLow / 2));
    return mp_copysign(h.far ? far : h.t + rest, x);
  }
};
struct ArccosF : ArcRow {
  MP_FN double f(double x) {
    const double a = mp_abs(x);
    const bool far = a > 0.5;
    const double z = far ? 0.5 - 0.5 * a : a * a, t = far ? mp_sqrt(z) : a;
    const double angle = mp_fma(t, mp_asin_tail(z), t);  // arcsin of t
    const double positive = far ? 2 * angle : kPi / 2 - angle;
    return x < 0 ? kPi - positive : positive;
  }
};
struct Arccos : ArcRow {
  using ForFloat = ArccosF;
  MP_FN double f(double x) {
    const HalfAngle h = mp_half_angle(mp_abs(x));
    const double rest = mp_fma(h.t, mp_asin_tail(h.z), h.t_lo);
    // far: 2 arcsin s, or pi minus that; near: pi/2 -+ arcsin |x|
    const double base = h.far ? (x < 0 ? kPi : 0.0) : kPi / 2,
                 base_lo = h.far ? (x < 0 ? kPiLow : 0.0) : kPiLow / 2;
    const double factor = h.far ? (x < 0 ? -2.0 : 2.0) : x < 0 ? 1.0 : -1.0;
    const Sum<double> sum = mp_two_sum(base, factor * h.t);
    return sum.hi + (sum.lo + mp_fma(factor, rest, base_lo));
  }
};

struct ArcsinhF : DoubleRow {
  MP_FN double f(double x) {
    const double a = mp_abs(x), root = mp_sqrt(a * a + 1);
    const double y = a < 0x1p-10 ? a - a * a * a * (1.0 / 6) : mp_log2_short(a + root) * kLn2;
    return a < kInfinity<double> ? mp_copysign(y, x) : x;
  }
};
struct ArccoshF : DoubleRow {
  MP_FN double f(double x) {
    const double y = mp_log2_short(x + mp_sqrt((x - 1) * (x + 1))) * kLn2;
    return x < 1 ? double(__builtin_nan("")) : x < kInfinity<double> ? y : x;
  }
  MP_FN bool suspect(double x) { return x < 1; }
  MP_FN int flags(double x) { return x < 1 ? kInvalid : 0; }
};
struct ArctanhF : DoubleRow {
  MP_FN double f(double x) {
    const double a = mp_abs(x), inside = a < 1 ? a : 0.5;
    const double far = mp_log2_short((1 + inside) / (1 - inside)) * (0.5 * kLn2);
    const double y = a < 0x1p-10 ? a + a * a * a * (1.0 / 3) : far;
    const double edge = a == 1 ? kInfinity<double> : double(__builtin_nan(""));
    return mp_copysign((a < 1) ? y : (a != a) ? a : edge, x);
  }
  MP_FN bool suspect(double x) { return mp_abs(x) >= 1; }
  MP_FN int flags(double x) { return mp_abs(x) == 1 ? kDivide : mp_abs(x) > 1 ? kInvalid : 0; }
};

struct Arcsinh : DoubleRow {
  using ForFloat = ArcsinhF;
  MP_FN double f(double x) {
    const double a = mp_abs(x), capped = a < 0x1p500 ? a : 0x1p500, square = capped * capped;
    const double small = mp_log1p(a < 0x1p28 ? capped + square / (1 + mp_sqrt(square + 1)) : 1.0);
    const double big = Log::f(a) + 0x1.62e42fefa39efp-1;
    return mp_copysign(a < 0x1p-28 ? a : a < 0x1p28 ? small : big, x);
  }
};
struct Arccosh : DoubleRow {
  using ForFloat = ArccoshF;
  MP_FN double f(double x) {
    const double t = x - 1, capped = t < 0x1p28 ? t : 0.0;
    const double near = mp_log1p(capped + mp_sqrt(2 * capped + capped * capped));
    const double y = t < 0x1p28 ? near : Log::f(x) + 0x1.62e42fefa39efp-1;
    return x < 1 ? double(__builtin_nan("")) : y;
  }
  MP_FN bool suspect(double x) { return x < 1; }
  MP_FN int flags(double x) { return x < 1 ? kInvalid : 0; }
};
struct Arctanh : DoubleRow {
  using ForFloat = ArctanhF;
  MP_FN double f(double x) {
    const double a = mp_abs(x), inside = a < 1 ? a : 0.5;
    const double y = 0.5 * mp_log1p(2 * inside / (1 - inside));
    const double edge = a == 1 ? kInfinity<double> : double(__builtin_nan(""));
    return mp_copysign(a < 0x1p-28 ? a : (a < 1) | (a != a) ? y + (a - a) : edge, x);
  }
  MP_FN bool suspect(double x) { return mp_abs(x) >= 1; }
  MP_FN int flags(double x) { return mp_abs(x) == 1 ? kDivide : mp_abs(x) > 1 ? kInvalid : 0; }
};

// Finite operands that are not both zero here, and whose quotient neither over- nor underflows.
struct Arctan2 : DoubleRow {
  MP_FN double f(double y, double x) {
    const double angle = mp_atan_ratio(mp_abs(y), mp_abs(x));
    const double turned = (kPi - angle) + kPiLow;
    return mp_copysign(x < 0 ? turned : angle, y);
  }
  MP_FN bool suspect(double y, double x) {
    const double a = mp_abs(y), b = mp_abs(x);
    return !((a > 0x1p-450) & (a < 0x1p450) & (b > 0x1p-450) & (b < 0x1p450));
  }
  MP_FN double special(double y, double x) { return __builtin_atan2(y, x); }
};

}  // namespace mp::cpu::MP_ISA
