// Activations of neural networks and the error functions: erf, gelu and softrelu to 2 ULP, the rest
// to a few, also where the result is small; NaN passes through. None raises a floating-point flag.
#pragma once
#include "cpu/math/log.h"
#include "cpu/math/sigmoid.h"

namespace mp::cpu::MP_ISA {

// log(1 + t) for t in [0, 1], by 2 artanh(s), s = t / (2 + t): (2 artanh(s) / s - 2) / s^2 in s^2,
// and what the quotient lacks, of which the sum's rounding is a part.
template <class T>
inline constexpr T kArtanh[] = {
    2.0 / 3.0,  2.0 / 5.0,  2.0 / 7.0,  2.0 / 9.0,  2.0 / 11.0, 2.0 / 13.0, 2.0 / 15.0, 2.0 / 17.0,
    2.0 / 19.0, 2.0 / 21.0, 2.0 / 23.0, 2.0 / 25.0, 2.0 / 27.0, 2.0 / 29.0, 2.0 / 31.0, 2.0 / 33.0};
template <>
inline constexpr float kArtanh<float>[] = {2.0f / 3.0f,  2.0f / 5.0f,  2.0f / 7.0f, 2.0f / 9.0f,
                                           2.0f / 11.0f, 2.0f / 13.0f, 2.0f / 15.0f};
template <class T>
MP_FN T mp_log1p_unit(T t) {
  const T d = T(2) + t, s = t / d, z = s * s;
  const T lost = ((t - s * d) - T(mp_product_error(s, d, s * d))) - s * (t - (d - T(2)));
  return (s + s) + mp_fma(s * z, mp_series<0>(z, kArtanh<T>), T(2) * lost / d);
}

struct Relu : MathRow {
  template <class T>
  MP_FN T f(T x) {
    return mp_max(x, T(0));
  }
};

struct Softsign : MathRow {
  template <class T>
  MP_FN T f(T x) {
    const T a = mp_abs(x);
    return a < T(0x1p60) ? x / (T(1) + a) : a == a ? mp_copysign(T(1), x) : x;
  }
};

// log(1 + e^x)
struct Softrelu : MathRow {
  template <class T>
  MP_FN T f(T x) {
    return mp_max(x, T(0)) + mp_log1p_unit(Exp::f(-mp_abs(x)));
  }
};

struct LogSigmoid : MathRow {
  template <class T>
  MP_FN T f(T x) {
    return mp_min(x, T(0)) - mp_log1p_unit(Exp::f(-mp_abs(x)));
  }
};

// x / (1 + e^-x); minus infinity gives 0.
struct Silu : MathRow {
  template <class T>
  MP_FN T f(T x) {
    const T t = Exp::f(-mp_abs(x)), y = x * (x < 0 ? t : T(1)) / (T(1) + t);
    return x == -kInfinity<T> ? T(0) : y;
  }
};

// x tanh(log(1 + e^x)), with n = e^x: (n^2 + 2n) / (n^2 + 2n + 2), divided by n^2 for positive x.
struct Mish : MathRow {
  template <class T>
  MP_FN T f(T x) {
    const T t = Exp::f(-mp_abs(x));
    const T numerator = x < 0 ? t * (t + T(2)) : T(1) + T(2) * t;
    const T y = x * (numerator / (numerator + (x < 0 ? T(2) : T(2) * t * t)));
    return x == -kInfinity<T> ? T(0) : y;
  }
};

struct Selu : MathRow {
  template <class T>
  MP_FN T f(T x) {
    const T scale = T(1.0507009873554805), alpha = T(1.6732632423543772 * 1.0507009873554805);
    return x > 0 ? scale * x : alpha * Expm1::f(x);
  }
};

// --- Error functions ---

// erf(x) / x - 1 in x^2 <= 1, and e^(x^2) erfc(x) (1 + 2x) in (x - k) / (x + k) for x >= 0.
template <class T>
struct ErrorSeries;
template <>
struct ErrorSeries<float> {
  static constexpr float kPole = 2, kEnd = 10, kGeluEnd = 14.6f;
  static constexpr float kSmall[] = {0.1283791670955126f, -0x1.81273ep-2f, 0x1.ce2d10p-4f,
                                     -0x1.b7fabap-6f,     0x1.541270p-8f,  -0x1.a45088p-11f,
                                     0x1.4a5690p-14f};
  static constexpr float kLarge[] = {
      0x1.46e80ep+0f,  -0x1.7bf60ep-4f, -0x1.5407c2p-3f, 0x1.4ffc06p-3f,   -0x1.bc1f8ep-5f,
      -0x1.08231ap-7f, 0x1.1be90ap-7f,  0x1.5c1280p-10f, -0x1.4b61a0p-10f, -0x1.bcb986p-12f};
};
template <>
struct ErrorSeries<double> {
  static constexpr double kPole = 3, kEnd = 27.5, kGeluEnd = 38.9;
  static constexpr double kSmall[] = {
      0.12837916709551257,   -0x1.812746b0379e6p-2,  0x1.ce2f21a042b30p-4,  -0x1.b82ce31284e00p-6,
      0x1.565bcd0dbaa38p-8,  -0x1.c02db3dac435fp-11, 0x1.f9a321d5b8e1ep-14, -0x1.f4d1e3183f7aep-17,
      0x1.b9df224ca4b97p-20, -0x1.5f1ecb6f0764cp-23, 0x1.f7b4bf3b13964p-27, -0x1.389d4f2641625p-30,
      0x1.05ffd737fb32ep-34};
  static constexpr double kLarge[] = {
      0x1.40c522d7e4987p+0,  -0x1.15c084bb9e8e0p-3,  -0x1.85a15c58aa38ep-5,  0x1.098366a5b3e84p-3,
      -0x1.e88b803a4cbcep-4, 0x1.17ca2878131b0p-4,   -0x1.8574c40ab19dap-6,  0x1.4b884e037c908p-9,
      0x1.ef1bdc8ad5663p-10, -0x1.98db489bf9f0ep-11, -0x1.b912293670461p-14, 0x1.06598b00a3871p-13,
      0x1.4c1175f4982d2p-18, -0x1.5129f05ca0941p-16, -0x1.86acc5ddd7581p-21, 0x1.d0e69222b6a4ap-19,
      0x1.76d4c329e288ep-22, -0x1.44a7cf3df3f7cp-21, -0x1.199b4042fed5bp-23, 0x1.89a409e93f8aap-24,
      0x1.1a5b64b1d2498p-25, -0x1.21ca435b586fdp-27, -0x1.1f6cc50dc04d6p-28};
};

// erfc(x) for x >= 0. The rounding of the square is made good.
template <class T>
MP_FN T mp_erfc_positive(T x) {
  using Series = ErrorSeries<T>;
  const T a = x > Series::kEnd ? Series::kEnd : x;
  const T square = a * a, lost = T(mp_product_error(a, a, square));
  const T k = Series::kPole, inverse = T(1) / ((a + k) * (T(1) + a + a));
  const T u = (a - k) * (T(1) + a + a) * inverse;
  const T e = Exp::f(-square);
  return mp_series<0>(u, Series::kLarge) * ((a + k) * inverse) * (e - e * lost);
}
template <class T>
MP_FN T mp_erf_small(T x) {
  return mp_fma(x, mp_series<0>(x * x, ErrorSeries<T>::kSmall), x);
}

// erf(x) for x >= 1.
MP_FN double mp_erf_large(double x) { return 1 - mp_erfc_positive(x); }
// By -log(erfc(x)) around a number where it is almost a float; what is left has one rounding.
MP_FN float mp_erf_large(float x) {
  constexpr float kCentre = 0x1.000b08p+0f, kValue = 0x1.d99cdcp+0f, kOne = 4;
  constexpr float kSlope[] = {0x1.51d2f8p+1f,  0x1.afafe4p-1f,  0x1.53ed22p-5f,
                              -0x1.44137cp-7f, 0x1.deb532p-10f, -0x1.852558p-13f};
  const float u = (x > kOne ? kOne : x) - kCentre;
  const ExpParts<float> e = mp_exp_parts(-mp_fma(u, mp_series<0>(u, kSlope), kValue));
  const float scale = mp_pow2(e.k);
  return mp_fma(-scale, e.r + e.tail, 1 - scale);
}

struct Erf : MathRow {
  template <class T>
  MP_FN T f(T x) {
    const T a = mp_abs(x), inside = mp_clamp(x, T(-1), T(1));
    const T far = mp_copysign(mp_erf_large(a), x);
    return a < T(1) ? mp_erf_small(inside) : far;
  }
};

// x times the normal distribution function, whose tail is erfc(z) / 2 with z = |x| / sqrt(2). What
// the roundings of z, of its square and of the quotient lack is collected, and the exponential
// multiplied last, so that the relative error stays as small in the tail.
struct Gelu : MathRow {
  template <class T>
  MP_FN T f(T x) {
    using Series = ErrorSeries<T>;
    const T root = T(0.70710678118654752), k = Series::kPole;
    const T root_rest = sizeof(T) == 8 ? T(-0x1.bdd3413b26456p-55) : T(0x1.9fcef4p-27);
    const T b = mp_abs(x) > Series::kGeluEnd ? T(Series::kGeluEnd) : mp_abs(x);
    const T z = b * root, z_lost = mp_fma(b, root_rest, T(mp_product_error(b, root, z)));
    const T square = z * z, square_lost = T(mp_product_error(z, z, square));
    const Sum<T> line = mp_two_sum(T(1), z + z);  // 1 + 2z
    const T inverse = T(1) / ((z + k) * line.hi);
    const T v = (z + k) * inverse, product = v * line.hi;  // 1 / line
    const T v_lost = ((T(1) - product) - T(mp_product_error(v, line.hi, product))) - v * line.lo;
    const T u = (z - k) * line.hi * inverse;
    const ExpParts<T> e = mp_exp_parts(-square);
    // erfc(z) / 2 = (half + rest) e^r 2^k = (tail.hi + tail.lo) 2^k
    const T slope = mp_series<1>(u, Series::kLarge), change = slope * u;
    const Sum<T> series = mp_fast_two_sum(T(Series::kLarge[0]), change);
    const T series_lost = series.lo + T(mp_product_error(slope, u, change));
    const T factor = T(0.5) * series.hi, half = factor * v;
    const T half_lost = mp_fma(series_lost, T(0.5) * v, T(mp_product_error(factor, v, half)));
    const T rest = half_lost + mp_fma(half, v_lost - square_lost, T(-0.56418958354775629) * z_lost);
    const T q = e.r + e.tail;
    const Sum<T> tail = mp_fast_two_sum(half, mp_fma(q, half + rest, rest));
    const T product_hi = b * tail.hi, product_lost = T(mp_product_error(b, tail.hi, product_hi));
    const T below = product_hi + mp_fma(b, tail.lo, product_lost);
    const T y = mp_scale(x < 0 ? below : tail.hi, e.k);
    const T far = x == -kInfinity<T> ? T(0) : x < 0 ? -y : x * (T(1) - y);
    const T inside = mp_clamp(x, T(-1), T(1)) * root;
    return mp_abs(x) < T(0.7) ? x * mp_fma(T(0.5), mp_erf_small(inside), T(0.5)) : far;
  }
};

// The approximation by tanh: x * sigmoid(2 sqrt(2 / pi) (x + 0.044715 x^3)).
struct GeluTanh : MathRow {
  template <class T>
  MP_FN T f(T x) {
    const T c = mp_clamp(x, T(-100), T(100));
    const T u = T(1.5957691216057308) * (c + T(0.044715) * c * c * c);
    return x == -kInfinity<T> ? T(0) : x * Sigmoid::f(u);
  }
};

// A first value to seven digits from polynomials in log(1 - x^2), and a step of Halley's method.
struct Erfinv : DoubleRow {
  MP_FN double start(double x) {
    const double w = -mp_log1p(-x * x), s = mp_sqrt(w) - 3;
    const double central =
        x * mp_horner(w - 2.5, 0x1.805c5d313e01fp+0, 0x1.f91e8b308a18cp-3, -0x1.11c54f5aa2afdp-8,
                      -0x1.4866b32f26413p-10, 0x1.c9f1ced379d5fp-13, -0x1.4c994ae3fd2d5p-18,
                      -0x1.d18609ba7d40ep-19, 0x1.f278c866ae9c0p-22, 0x1.978f82b9f4449p-26,
                      -0x1.287512933b15cp-27);
    const double tail = mp_horner(
        s, 0x1.6a993ee55d8d9p+1, 0x1.00ae7822f5015p+0, 0x1.c0f114b1b1c4cp-8, -0x1.c3e5025dc4461p-9,
        0x1.25a1990a895b8p-10, -0x1.a03de08897335p-13, -0x1.9b0ef4929e2a2p-16,
        0x1.a7b1850114ba5p-16, -0x1.92a958cdd990dp-18, 0x1.125836375dca2p-21);
    return w < 5 ? central : tail;
  }
  MP_FN double f(double x) {
    const double a = mp_abs(x), inside = a < 1 ? a : 0;
    const double y = start(inside);
    // The residual without cancellation on either side of 1/2.
    const double near = mp_erf_small(mp_clamp(y, 0.0, 1.0)) - inside;
    const double far = (1 - inside) - mp_erfc_positive(y);
    const double residual = inside < 0.5 ? near : far;
    const double step = residual * 0.88622692545275801 * Exp::f(y * y);
    const double better = y - step / (1 + y * step);
    const double edge = a == 1 ? kInfinity<double> : double(__builtin_nan(""));
    return mp_copysign(a < 1 ? better : edge, x);
  }
};

}  // namespace mp::cpu::MP_ISA
