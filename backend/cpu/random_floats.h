// Words of a random generator as numbers: uniform, exponential and normal ones. Include only from
// files *_isa.cc that define MP_PLAIN_MATH, so that all instruction sets compute the same bits.
#pragma once
#include "cpu/math/log.h"
#include "cpu/math/trig.h"
#include "cpu/vec.h"

namespace mp::cpu::MP_ISA {

MP_FN float unit(uint32_t word) { return float(int32_t(word >> 8)) * 0x1p-24f; }
// Two exact conversions of less than 53 bits each, since few instruction sets convert 64.
inline constexpr int64_t kTwo52 = 0x4330000000000000;
MP_FN double unit(uint64_t word) {
  const double high = mp_from_bits(int64_t(word >> 32) | kTwo52) - 0x1p52;
  const double low = mp_from_bits((int64_t(word >> 11) & 0x1fffff) | kTwo52) - 0x1p52;
  return high * 0x1p-32 + low * 0x1p-53;
}

// An angle as a number of quarter turns, modulo 4 in the low bits, and a rest in radians.
template <class T>
struct Angle {
  T rest;
  UInt<sizeof(T)> quarters;
};
MP_FN Angle<float> angle_of(uint32_t word) {
  return {float(int32_t(word << 2)) * 0x1.921fb6p-32f, (word + 0x20000000u) >> 30};
}
MP_FN Angle<double> angle_of(uint64_t word) {
  const uint64_t turned = word + (uint64_t{1} << 61);
  const double part = mp_from_bits(int64_t((turned << 2) >> 12) | 0x3ff0000000000000) - 1.5;
  return {part * 0x1.921fb54442d18p+0, turned >> 62};
}
// In (0, 1], with more resolution towards 0, where the tails of the normal distribution are made.
MP_FN float positive_unit(uint32_t word) { return float(int32_t(word >> 1)) * 0x1p-31f + 0x1p-32f; }
MP_FN double positive_unit(uint64_t word) { return unit(word) + 0x1p-54; }

template <class T>
struct SinCos {
  T sin, cos;
};
MP_FN SinCos<float> sin_cos(float x) {
  return {mp_sin_or_cos(OctantF{x, 0}, 0), mp_sin_or_cos(OctantF{x, 0}, 1)};
}
MP_FN SinCos<double> sin_cos(double x) {
  const double z = x * x, third = z * mp_sin_poly(z) - 0x1.5555555555555p-3;
  return {x + x * z * third, (1 - 0.5 * z) + z * z * mp_cos_poly(z)};
}

template <class T>
MP_FN T flipped(T x, UInt<sizeof(T)> quarters) {  // changes the sign when bit 1 is set
  using Word = UInt<sizeof(T)>;
  return bit_cast<T>(Word(bit_cast<Word>(x) ^ Word((quarters & 2) << (8 * sizeof(T) - 2))));
}

// Box and Muller's pair of normal deviates.
template <class T>
MP_FN void normal_pair(UInt<sizeof(T)> radius_word, UInt<sizeof(T)> angle_word, T* out) {
  const T radius = mp_sqrt(T(-2) * mp_log_normal(positive_unit(radius_word)));
  const Angle<T> angle = angle_of(angle_word);
  const SinCos<T> at = sin_cos(angle.rest);
  const bool odd = (angle.quarters & 1) != 0;
  out[0] = radius * flipped(odd ? at.sin : at.cos, angle.quarters + 1);
  out[1] = radius * flipped(odd ? at.cos : at.sin, angle.quarters);
}

template <class Word>
MP_FN auto exponential(Word word) {
  return 0 - mp_log_normal(positive_unit(word));
}

}  // namespace mp::cpu::MP_ISA
