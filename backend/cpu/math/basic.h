// Scalar helpers that the expressions of csrc/ops/elementwise.inc and the math functions are made
// of: branch-free, so that a loop around them vectorises. Included once per instruction set inside
// namespace MP_ISA's translation units; float and double only unless noted.
#pragma once
#include <cstdint>
#include <cstring>

#define MP_FN static inline __attribute__((always_inline))

namespace mp::cpu::MP_ISA {

MP_FN int32_t mp_bits(float a) { return __builtin_bit_cast(int32_t, a); }
MP_FN int64_t mp_bits(double a) { return __builtin_bit_cast(int64_t, a); }
MP_FN float mp_from_bits(int32_t b) { return __builtin_bit_cast(float, b); }
MP_FN double mp_from_bits(int64_t b) { return __builtin_bit_cast(double, b); }

MP_FN int32_t mp_magnitude(float a) { return mp_bits(a) & 0x7fffffff; }
MP_FN int64_t mp_magnitude(double a) { return mp_bits(a) & 0x7fffffffffffffff; }
MP_FN int32_t mp_inf_bits(float) { return 0x7f800000; }
MP_FN int64_t mp_inf_bits(double) { return 0x7ff0000000000000; }
MP_FN bool mp_signbit(float a) { return mp_bits(a) < 0; }
MP_FN bool mp_signbit(double a) { return mp_bits(a) < 0; }

MP_FN float mp_sqrt(float a) { return __builtin_sqrtf(a); }
MP_FN double mp_sqrt(double a) { return __builtin_sqrt(a); }
MP_FN float mp_rint(float a) { return __builtin_rintf(a); }
MP_FN double mp_rint(double a) { return __builtin_rint(a); }
MP_FN float mp_floor(float a) { return __builtin_floorf(a); }
MP_FN double mp_floor(double a) { return __builtin_floor(a); }
MP_FN float mp_ceil(float a) { return __builtin_ceilf(a); }
MP_FN double mp_ceil(double a) { return __builtin_ceil(a); }
MP_FN float mp_trunc(float a) { return __builtin_truncf(a); }
MP_FN double mp_trunc(double a) { return __builtin_trunc(a); }
MP_FN float mp_copysign(float a, float b) { return __builtin_copysignf(a, b); }
MP_FN double mp_copysign(double a, double b) { return __builtin_copysign(a, b); }

// Integers too: the smallest value is its own absolute value.
template <class T>
MP_FN T mp_abs(T a) {
  return a < 0 ? T(-a) : a;
}
template <>
inline float mp_abs(float a) {
  return __builtin_fabsf(a);
}
template <>
inline double mp_abs(double a) {
  return __builtin_fabs(a);
}

// A NaN on either side wins. Vector types too.
template <class T>
MP_FN T mp_max(T a, T b) {
  const T larger = a > b ? a : b;
  return a != a ? a : larger;
}
template <class T>
MP_FN T mp_min(T a, T b) {
  const T smaller = a < b ? a : b;
  return a != a ? a : smaller;
}
// A NaN on either side loses.
template <class T>
MP_FN T mp_fmax(T a, T b) {
  const T larger = a > b ? a : b;
  return b != b ? a : larger;
}
template <class T>
MP_FN T mp_fmin(T a, T b) {
  const T smaller = a < b ? a : b;
  return b != b ? a : smaller;
}
template <class T>
MP_FN T mp_sign_of_integer(T a) {
  const T positive = a > 0 ? T(1) : T(0), negative = a < 0 ? T(1) : T(0);
  return T(positive - negative);
}
template <class T>
MP_FN T mp_sign(T a) {
  const T nonzero = a > 0 ? T(1) : T(-1);
  return a == 0 ? T(0) : a != a ? a : nonzero;
}
template <class T>
MP_FN T mp_heaviside(T a, T b) {
  const T step = a > 0 ? T(1) : T(0);
  return a == 0 ? b : a != a ? a : step;
}

// A count outside 0..width-1 shifts everything out.
template <class T>
MP_FN T mp_shift_left(T a, T b) {
  constexpr T kWidth = T(8 * sizeof(T));
  const bool inside = (b >= 0) & (b < kWidth);
  return inside ? T(a << (b & T(kWidth - 1))) : T(0);
}
}  // namespace mp::cpu::MP_ISA
