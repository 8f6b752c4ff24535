// log, log2, log10, log1p for double, log for float (the others compute float in double).
// x = 2^k m with m in [sqrt 1/2, sqrt 2), f = m - 1, s = f / (2 + f):
// log m = f - (f^2/2 - s (f^2/2 + R(s^2))). Errors below 1 ULP.
#pragma once
#include "cpu/math/exp.h"

namespace mp::cpu::MP_ISA {

struct Log2Parts {
  double k, m;
};
// Positive normal x, its bits given.
MP_FN Log2Parts mp_split_bits(int64_t bits) {
  constexpr int64_t kSqrtHalf = 0x3fe6a09e667f3bcd;
  const uint64_t offset = uint64_t(bits - kSqrtHalf);
  const uint64_t biased = (offset + (uint64_t(1023) << 52)) >> 52;
  const double k = mp_from_bits(int64_t(biased | 0x4330000000000000)) - (0x1p52 + 1023);
  return {k, mp_from_bits(int64_t(offset & 0x000fffffffffffff) + kSqrtHalf)};
}
// Positive finite x.
MP_FN Log2Parts mp_split(double x) {
  const bool subnormal = x < 0x1p-1022;
  const Log2Parts p = mp_split_bits(mp_bits(subnormal ? x * 0x1p54 : x));
  return {subnormal ? p.k - 54 : p.k, p.m};
}

MP_FN double mp_log_tail(double z) {  // R
  return z * mp_horner(z, 0x1.5555555555555p-1, 0x1.9999999999a3cp-2, 0x1.24924924763d0p-2,
                       0x1.c71c72024cfaap-3, 0x1.745cf8a2651d8p-3, 0x1.3b1c499082facp-3,
                       0x1.0fbc8735b1f56p-3, 0x1.0c189c567bb01p-3);
}

// The value at zero, negative numbers, infinity and NaN.
template <class T>
MP_FN T mp_log_edges(T x, T y) {
  const T outside = x == 0 ? -kInfinity<T> : T(__builtin_nan(""));
  y = x < kInfinity<T> ? y : x;
  return (x > 0) | (x != x) ? y : outside;
}

struct LogRow : DoubleRow {
  template <class T>
  MP_FN bool suspect(T x) {
    return x <= 0;
  }
  template <class T>
  MP_FN int flags(T x) {
    return x == 0 ? kDivide : x < 0 ? kInvalid : 0;
  }
};

// log of 2^k (1 + a), for a in [sqrt 1/2 - 1, sqrt 2 - 1)
MP_FN double mp_log_of_parts(double k, double a) {
  const double half_square = 0.5 * a * a, s = a / (2 + a);
  const double rest = s * (half_square + mp_log_tail(s * s)) + k * mp_ln2_lo(a);
  return k * mp_ln2_hi(a) - ((half_square - rest) - a);
}
MP_FN float mp_log_of_parts(float k, float a) {
  const float square = a * a;
  const float p =
      mp_horner(a, 0x1.555554p-2f, -0x1.ffffe6p-3f, 0x1.999d36p-3f, -0x1.55625cp-3f, 0x1.23dd12p-3f,
                -0x1.fbc4cep-4f, 0x1.dc8ecep-4f, -0x1.dd9772p-4f, 0x1.2c55b2p-4f);
  const float small = mp_fma(k, mp_ln2_lo(a), mp_fma(-0.5f, square, square * a * p));
  return mp_fma(k, mp_ln2_hi(a), a + small);
}
// The offset of a float's bits from those of sqrt 1/2: the high bits are k, the low ones 1 + a.
inline constexpr int32_t kSqrtHalfBits = 0x3f3504f3;
MP_FN float mp_mantissa_less_one(int32_t offset) {
  return mp_from_bits((offset & 0x007fffff) + kSqrtHalfBits) - 1;
}
// log of a normal positive number
MP_FN double mp_log_normal(double x) {
  const Log2Parts p = mp_split_bits(mp_bits(x));
  return mp_log_of_parts(p.k, p.m - 1);
}
MP_FN float mp_log_normal(float x) {
  const int32_t offset = mp_bits(x) - kSqrtHalfBits;
  return mp_log_of_parts(float(offset >> 23), mp_mantissa_less_one(offset));
}

struct Log : LogRow {
  static constexpr bool kFloat = true;
  MP_FN double f(double x) {
    const Log2Parts p = mp_split(x);
    return mp_log_edges(x, mp_log_of_parts(p.k, p.m - 1));
  }
  MP_FN float f(float x) {
    const bool subnormal = x < 0x1p-126f;
    const int32_t offset = mp_bits(subnormal ? x * 0x1p23f : x) - kSqrtHalfBits;
    const float exponent = float(offset >> 23), k = subnormal ? exponent - 23 : exponent;
    return mp_log_edges(x, mp_log_of_parts(k, mp_mantissa_less_one(offset)));
  }
};

// log m in two parts, the high one with 32 significant bits at most.
MP_FN Sum<double> mp_log_mantissa(double m) {
  const double a = m - 1, half_square = 0.5 * a * a, s = a / (2 + a);
  const double hi = mp_from_bits(mp_bits(a - half_square) & int64_t(0xffffffff00000000));
  return {hi, ((a - hi) - half_square) + s * (half_square + mp_log_tail(s * s))};
}

// log2 x to 2^-36, for positive finite x: what float results need.
MP_FN double mp_log2_short(double x) {
  const Log2Parts p = mp_split(x);
  const double a = p.m - 1, s = a / (2 + a), z = s * s;
  const double series =
      mp_horner(z, 0x1.71547652b82fep+1, 0x1.71547652b82fep+1 / 3, 0x1.71547652b82fep+1 / 5,
                0x1.71547652b82fep+1 / 7, 0x1.71547652b82fep+1 / 9, 0x1.71547652b82fep+1 / 11,
                0x1.71547652b82fep+1 / 13);
  return mp_fma(s, series, p.k);
}
inline constexpr double kLn2 = 0x1.62e42fefa39efp-1, kLog10Of2 = 0x1.34413509f79ffp-2;

// The versions ...F compute double accurate enough for results in float.
struct Log2F : LogRow {
  MP_FN double f(double x) { return mp_log_edges(x, mp_log2_short(x)); }
};
struct Log10F : LogRow {
  MP_FN double f(double x) { return mp_log_edges(x, mp_log2_short(x) * kLog10Of2); }
};

struct Log2 : LogRow {
  using ForFloat = Log2F;
  MP_FN double f(double x) {
    const Log2Parts p = mp_split(x);
    const Sum<double> log = mp_log_mantissa(p.m);
    const double hi = log.hi * 0x1.7154765200000p+0;
    const double lo = (log.hi + log.lo) * 0x1.705fc2eefa200p-33 + log.lo * 0x1.7154765200000p+0;
    const Sum<double> sum = mp_two_sum(p.k, hi);
    return mp_log_edges(x, sum.hi + (sum.lo + lo));
  }
};

struct Log10 : LogRow {
  using ForFloat = Log10F;
  MP_FN double f(double x) {
    const Log2Parts p = mp_split(x);
    const Sum<double> log = mp_log_mantissa(p.m);
    const double hi = log.hi * 0x1.bcb7b15200000p-2;
    const double lo = (log.hi + log.lo) * 0x1.b9438ca9aadd5p-36 + log.lo * 0x1.bcb7b15200000p-2;
    const Sum<double> sum = mp_two_sum(p.k * 0x1.3441350800000p-2, hi);
    return mp_log_edges(x, sum.hi + (sum.lo + (lo + p.k * 0x1.f79fef311f12bp-34)));
  }
};

// log(1 + x) for x > -1: log u plus what u = 1 + x lost.
MP_FN double mp_log1p(double x) {
  const Sum<double> u = mp_two_sum(1.0, x);
  const Log2Parts p = mp_split(u.hi);
  const double a = p.m - 1, half_square = 0.5 * a * a, s = a / (2 + a);
  const double rest = s * (half_square + mp_log_tail(s * s)) + (p.k * mp_ln2_lo(x) + u.lo / u.hi);
  const double y = p.k * mp_ln2_hi(x) - ((half_square - rest) - a);
  return mp_abs(x) < 0x1p-54 ? x : y;
}

template <class Value>
struct Log1pRow : DoubleRow {
  MP_FN double f(double x) {
    const double inside = x < kInfinity<double> ? Value::of(x) : x;
    return (x > -1) | (x != x) ? inside : x == -1 ? -kInfinity<double> : double(__builtin_nan(""));
  }
  MP_FN bool suspect(double x) { return x <= -1; }
  MP_FN int flags(double x) { return x == -1 ? kDivide : x < -1 ? kInvalid : 0; }
};
struct Log1pValue {
  MP_FN double of(double x) { return mp_log1p(x); }
};
struct Log1pShort {
  MP_FN double of(double x) {
    const double series = x * mp_horner(x, 1.0, -0.5, 1.0 / 3);
    return mp_abs(x) < 0x1p-13 ? series : mp_log2_short(1 + x) * kLn2;
  }
};
struct Log1p : Log1pRow<Log1pValue> {
  using ForFloat = Log1pRow<Log1pShort>;
};

}  // namespace mp::cpu::MP_ISA
