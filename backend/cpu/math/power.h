// power, hypot, cbrt, logaddexp, logaddexp2. But for hypot, float computes in double.
#pragma once
#include <cmath>

#include "cpu/elementwise.h"
#include "cpu/math/log.h"

namespace mp::cpu::MP_ISA {

// log x in two parts with about 66 significant bits, for positive finite x:
// 2s + 2/3 s^3 + s^5 P(s^2) with the first two terms and k ln2 carried in pairs.
MP_FN Sum<double> mp_log_pair(double x) {
  const Log2Parts p = mp_split(x);
  const double a = p.m - 1, d = 2 + a, d_lo = a - (d - 2);
  const double s = a / d;
  const double sd = s * d;
  const double s_lo = ((a - sd) - mp_product_error(s, d, sd) - s * d_lo) / d;
  const double z = s * s, z_lo = mp_product_error(s, s, z) + 2 * s * s_lo;
  // 2/3 z in a pair, then times s
  const double t = z * 0x1.5555555555555p-1;
  const double t_lo = mp_product_error(z, 0x1.5555555555555p-1, t) +
                      (z_lo * 0x1.5555555555555p-1 + z * 0x1.5555555555555p-55);
  const double c = t * s, c_lo = mp_product_error(t, s, c) + (t_lo * s + t * s_lo);
  const double tail = z * z * s *
                      mp_horner(z, 0x1.999999999999ap-2, 0x1.2492492492525p-2, 0x1.c71c71c6e9a38p-3,
                                0x1.745d177b6cc81p-3, 0x1.3b13957bc82fbp-3, 0x1.1118d9a4bb086p-3,
                                0x1.df792ce6cf7e7p-4, 0x1.e0533efd4ce0fp-4);
  const Sum<double> first = mp_two_sum(p.k * mp_ln2_hi(x), 2 * s);
  const Sum<double> second = mp_two_sum(first.hi, c);
  const double lo = (first.lo + second.lo) + (c_lo + 2 * s_lo + tail + p.k * mp_ln2_lo(x));
  return mp_fast_two_sum(second.hi, lo);
}

// Exponents that NumPy replaces by a cheaper operator when one exponent serves a whole loop.
struct PowerOfMinusOne {
  static constexpr bool kQuiet = false;
  template <class T>
  MP_FN T f(T x) {
    return T(1) / x;
  }
};
struct PowerOfZero {
  static constexpr bool kQuiet = false;
  template <class T>
  MP_FN T f(T) {
    return T(1);
  }
};
struct PowerOfHalf {
  static constexpr bool kQuiet = false;
  template <class T>
  MP_FN T f(T x) {
    return mp_sqrt(x);
  }
};
struct PowerOfOne {
  static constexpr bool kQuiet = false;
  template <class T>
  MP_FN T f(T x) {
    return x;
  }
};
struct PowerOfTwo {
  static constexpr bool kQuiet = false;
  template <class T>
  MP_FN T f(T x) {
    return x * x;
  }
};

struct PowerRow : DoubleRow {
  template <class S>
  static bool shortcut(char** args, const intptr_t* count, const intptr_t* steps) {
    if constexpr (!kIsFloat<S>) return false;
    if constexpr (kIsFloat<S>) {
      if (steps[1] != 0 || steps[2] == 0) return false;
      const S exponent = load<S>(args[1]);
      const LoopFn loop = exponent == S(2)     ? &unary_loop<PowerOfTwo, S, S>
                          : exponent == S(0.5) ? &unary_loop<PowerOfHalf, S, S>
                          : exponent == S(-1)  ? &unary_loop<PowerOfMinusOne, S, S>
                          : exponent == S(1)   ? &unary_loop<PowerOfOne, S, S>
                          : exponent == S(0)   ? &unary_loop<PowerOfZero, S, S>
                                               : nullptr;
      if (!loop) return false;
      char* unary_args[] = {args[0], args[2]};
      const intptr_t unary_steps[] = {steps[0], steps[2]};
      loop(unary_args, count, unary_steps, nullptr);
      return true;
    }
  }
};

struct PowerF : PowerRow {
  MP_FN double f(double x, double y) {
    const double exponent = mp_clamp(y * mp_log2_short(mp_abs(x)), -300.0, 300.0);
    const double k = mp_nearest(exponent), r = (exponent - k) * kLn2;
    const double tail =
        mp_horner(r, 0x1p-1, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320);
    const double value = mp_fma(r * r, tail, 1 + r) * mp_pow2(k);
    return (x < 0) & (mp_floor(y * 0.5) != y * 0.5) ? -value : value;
  }
  MP_FN bool suspect(double x, double y) {
    const double a = mp_abs(x);
    return !((a > 0) & (a < kInfinity<double>)&((x > 0) | (mp_floor(y) == y)) &
             (mp_abs(y) < kInfinity<double>));
  }
  MP_FN double special(double x, double y) { return __builtin_pow(x, y); }
};

// Ordinary operands here: x finite and not 0, y finite, x < 0 only with integral y, the result a
// normal number.
struct Power : PowerRow {
  using ForFloat = PowerF;
  MP_FN double f(double x, double y) {
    const Sum<double> log = mp_log_pair(mp_abs(x));
    const double hi = y * log.hi;
    const double lo = mp_product_error(y, log.hi, hi) + y * log.lo;
    const ExpParts<double> p = mp_exp_parts(mp_clamp(hi, -746.0, 710.0));
    const double r = p.r + lo, low = lo - (r - p.r);
    const double value = mp_scale(1 + (r + (low + r * r * mp_exp_tail(r))), p.k);
    const bool odd = mp_floor(y * 0.5) != y * 0.5;
    return (x < 0) & odd ? -value : value;
  }
  MP_FN bool suspect(double x, double y) {
    const bool whole = mp_floor(y) == y;
    const double a = mp_abs(x);
    const bool ordinary =
        (a >= 0x1p-1022) & (a < kInfinity<double>)&((x > 0) | whole) & (mp_abs(y) < 0x1p62);
    // |log2 x| <= |exponent| + 1; a result that may leave the range is left to the library.
    const double k =
        mp_from_bits((mp_bits(a) >> 52 & 0x7ff) | 0x4330000000000000) - (0x1p52 + 1023);
    return !(ordinary & ((mp_abs(k) + 1) * mp_abs(y) < 1014));
  }
  MP_FN double special(double x, double y) { return __builtin_pow(x, y); }
};

// What hypot gives for infinities and NaNs, and where its result may leave the range.
struct HypotRow : MathRow {
  template <class T>
  MP_FN T with_edges(T x, T y, T root) {
    const T a = mp_abs(x), b = mp_abs(y);
    const bool infinite = (a == kInfinity<T>) | (b == kInfinity<T>);
    return infinite ? kInfinity<T> : (a != a) | (b != b) ? a + b : root;
  }
  MP_FN bool suspect(double x, double y) { return (mp_abs(x) > 0x1p1022) | (mp_abs(y) > 0x1p1022); }
  MP_FN bool suspect(float x, float y) { return (mp_abs(x) > 0x1p126f) | (mp_abs(y) > 0x1p126f); }
  template <class T>
  MP_FN T special(T x, T y) {
    return T(__builtin_hypot(x, y));
  }
};

// Scaled by a power of two; the sum of squares carries its rounding errors.
struct Hypot : HypotRow {
  MP_FN double f(double x, double y) {
    const double a = mp_abs(x), b = mp_abs(y), big = a > b ? a : b, small = a > b ? b : a;
    const bool huge = big > 0x1p500, tiny = big < 0x1p-450;
    const double scale = huge   ? 0x1p-600
                         : tiny ? 0x1p600
                                : 1.0,
                 back = huge   ? 0x1p600
                        : tiny ? 0x1p-600
                               : 1.0;
    const double u = big * scale, v = small * scale, uu = u * u, vv = v * v;
    const Sum<double> sum = mp_fast_two_sum(uu, vv);
    const double lost = sum.lo + mp_product_error(u, u, uu) + mp_product_error(v, v, vv);
    const double root = mp_sqrt(sum.hi), square = root * root;
    const double rest = (sum.hi - square) - mp_product_error(root, root, square) + lost;
    return with_edges(x, y, (root + (root > 0 ? rest / (root + root) : 0.0)) * back);
  }
#if defined(__FMA__) || defined(__aarch64__)
  // Below 1 ULP: half a unit of the root, a quarter to 0.36 of the sum, 0.09 of the square.
  MP_FN float f(float x, float y) {
    const float a = mp_abs(x), b = mp_abs(y), big = a > b ? a : b, small = a > b ? b : a;
    const bool huge = big > 0x1p60f, tiny = big < 0x1p-50f;
    const float scale = huge   ? 0x1p-70f
                        : tiny ? 0x1p100f
                               : 1.0f,
                back = huge   ? 0x1p70f
                       : tiny ? 0x1p-100f
                              : 1.0f;
    const float u = big * scale, v = small * scale;
    return with_edges(x, y, mp_sqrt(mp_fma(u, u, v * v)) * back);
  }
#else
  // Squares of floats are exact in double, and neither they nor their sum overflow there.
  MP_FN float f(float x, float y) {
    return with_edges(x, y, float(mp_sqrt(double(x) * x + double(y) * y)));
  }
#endif
};

// x = 8^k m; a quadratic start for the cube root of m in [1/2, 4), then two steps of Halley's
// iteration, the last one's correction in full precision.
struct Cbrt : DoubleRow {
  MP_FN double f(double x) {
    const double a = mp_abs(x);
    const Log2Parts p = mp_split(a);
    const double k = mp_nearest(p.k * (1.0 / 3)), e = p.k - 3 * k;  // e is -1, 0 or 1
    const double m = p.m * mp_pow2(e);
    double t = mp_horner(m, 0.44, 0.65, -0.11, 0.0108);
    for (int i = 0; i < 3; ++i) {
      const double cube = t * t * t;
      t = t - t * (cube - m) / (2 * cube + m);
    }
    const double square = t * t, square_lo = mp_product_error(t, t, square);
    const double cube = square * t;
    const double rest = (cube - m) + (mp_product_error(square, t, cube) + square_lo * t);
    t = t - rest / (3 * square);
    const double y = t * mp_pow2(k);
    return (a > 0) & (a < kInfinity<double>) ? mp_copysign(y, x) : x + x;
  }
};

// max + log(1 + e^-|a - b|); equal operands, infinities included, give a + log 2.
struct Logaddexp : DoubleRow {
  MP_FN double f(double a, double b) {
    const double big = a > b ? a : b, gap = mp_abs(a - b);
    const double y = big + mp_log1p(Exp::f(-gap));
    return a == b ? a + 0x1.62e42fefa39efp-1 : (a != a) | (b != b) ? a + b : y;
  }
};
struct Logaddexp2 : DoubleRow {
  MP_FN double f(double a, double b) {
    const double big = a > b ? a : b, gap = mp_abs(a - b);
    const double y = big + mp_log1p(Exp2::f(-gap)) * 0x1.71547652b82fep+0;
    return a == b ? a + 1 : (a != a) | (b != b) ? a + b : y;
  }
};

}  // namespace mp::cpu::MP_ISA
