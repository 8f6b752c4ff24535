// float16 and bfloat16 to float and back, rounding to nearest even. Narrowing raises the flags of
// the hardware conversion (overflow, underflow, inexact) for float16 and none for bfloat16.
#pragma once
#include <cstddef>
#include <cstdint>
#if defined(__F16C__)
#include <immintrin.h>
#endif

#include "core/dtype.h"
#include "cpu/fp_flags.h"
#include "cpu/math/basic.h"

namespace mp::cpu::MP_ISA {

MP_FN float widen(float a) { return a; }
MP_FN double widen(double a) { return a; }
MP_FN float widen(bfloat16 a) { return mp_from_bits(int32_t(uint32_t(a.bits) << 16)); }
MP_FN float widen(float16 a) {
#if defined(__F16C__)
  return _cvtsh_ss(a.bits);
#elif defined(__aarch64__)
  return float(__builtin_bit_cast(__fp16, a.bits));
#else
  const uint32_t magnitude = a.bits & 0x7fffu;
  // Scaling by 2^112 puts the exponent right for normal and subnormal numbers alike.
  const float scaled = mp_from_bits(int32_t(magnitude << 13)) * 0x1p112f;
  const uint32_t special = 0x7f800000u | magnitude << 13;
  const uint32_t bits = magnitude >= 0x7c00u ? special : uint32_t(mp_bits(scaled));
  return mp_from_bits(int32_t(bits | uint32_t(a.bits & 0x8000u) << 16));
#endif
}

template <class R>
struct Narrow;
template <>
struct Narrow<float> {
  MP_FN float of(double a) { return float(a); }
  MP_FN float of(float a) { return a; }
};
template <>
struct Narrow<double> {
  MP_FN double of(double a) { return a; }
};
template <>
struct Narrow<uint8_t> {
  MP_FN uint8_t of(uint8_t a) { return a; }
};
template <>
struct Narrow<bfloat16> {
  MP_FN bfloat16 of(float a) {
    const uint32_t b = uint32_t(mp_bits(a));
    const uint32_t rounded = (b + 0x7fffu + (b >> 16 & 1u)) >> 16;
    const uint32_t nan = b >> 16 | 0x40u;
    return {uint16_t((b & 0x7fffffffu) > 0x7f800000u ? nan : rounded)};
  }
  // Rounding to odd first keeps the second rounding exact.
  MP_FN bfloat16 of(double a) { return of(round_to_odd(a)); }
  MP_FN float round_to_odd(double a) {
    const float f = float(a);
    const double back = double(f);
    const bool finite = mp_magnitude(f) < mp_inf_bits(f);
    const int32_t toward = mp_magnitude(back) > mp_magnitude(a) ? -1 : 0;
    const int32_t bits = mp_bits(f);
    return mp_from_bits(finite & (back != a) ? (bits + toward) | 1 : bits);
  }
};
template <>
struct Narrow<float16> {
  MP_FN float16 of(float a) {
#if defined(__F16C__)
    return {uint16_t(_cvtss_sh(a, _MM_FROUND_TO_NEAREST_INT))};
#elif defined(__aarch64__)
    return {__builtin_bit_cast(uint16_t, __fp16(a))};
#else
    return {from_bits(uint32_t(mp_bits(a)))};
#endif
  }
  MP_FN float16 of(double a) { return of(Narrow<bfloat16>::round_to_odd(a)); }

 private:
  static uint16_t from_bits(uint32_t b) {
    const uint32_t sign = b >> 16 & 0x8000u, m = b & 0x7fffffffu;
    if (m > 0x7f800000u) return uint16_t(sign | 0x7e00u | (m >> 13 & 0x3ffu));
    if (m == 0x7f800000u) return uint16_t(sign | 0x7c00u);
    if (m >= 0x477ff000u) {  // rounds to 2^16 or more
      raise(kOverflow);
      return uint16_t(sign | 0x7c00u);
    }
    if (m >= 0x38800000u)
      return uint16_t(sign | ((m + 0xfffu + (m >> 13 & 1u) - 0x38000000u) >> 13));
    // Subnormal: adding 0.5 makes the hardware round at 2^-24.
    const float sum = mp_from_bits(int32_t(m)) + 0.5f;
    if (sum - 0.5f != mp_from_bits(int32_t(m))) raise(kUnderflow);
    return uint16_t(sign | (uint32_t(mp_bits(sum)) - 0x3f000000u));
  }
};

}  // namespace mp::cpu::MP_ISA
