// float16 and bfloat16 bits to and from float, one element at a time and branch-free so that loops
// over them vectorise. Rounding is to nearest even; NaN stays NaN; the status flags are those of
// the hardware's conversions.
#pragma once
#include <cstdint>

#include "cpu/vec.h"

#if defined(__F16C__)
#include <immintrin.h>
#endif

namespace mp::cpu::MP_ISA {

MP_INLINE float half_to_float(uint16_t h) {
#if defined(__F16C__)
  return _cvtsh_ss(h);
#else
  const uint32_t sign = uint32_t{h & 0x8000u} << 16, mag = h & 0x7fffu;
  // Normal numbers: move the exponent; subnormal ones: exact product; Inf and NaN: fill the
  // exponent.
  const uint32_t normal = (mag << 13) + (112u << 23);
  const uint32_t subnormal =
      bit_cast<uint32_t>(static_cast<float>(static_cast<int32_t>(mag)) * 0x1p-24f);
  const uint32_t special = (mag << 13) | 0x7f800000u;
  const uint32_t bits = mag >= 0x7c00u ? special : mag < 0x400u ? subnormal : normal;
  return bit_cast<float>(sign | bits);
#endif
}

MP_INLINE uint16_t float_to_half(float f) {
#if defined(__F16C__)
  return _cvtss_sh(f, _MM_FROUND_TO_NEAREST_INT);
#else
  const uint32_t bits = bit_cast<uint32_t>(f), sign = (bits >> 16) & 0x8000u,
                 mag = bits & 0x7fffffffu;
  // The sum aligns a subnormal result's last bit with the float's, so the addition rounds it.
  const float magic = bit_cast<float>(uint32_t{126u << 23});
  const uint32_t tiny = mag < 0x38800000u ? mag : 0;
  const uint32_t subnormal = bit_cast<uint32_t>(bit_cast<float>(tiny) + magic) - (126u << 23);
  const uint32_t normal = (mag - (112u << 23) + 0xfffu + ((mag >> 13) & 1u)) >> 13;
  const uint32_t nan = 0x7e00u | ((mag >> 13) & 0x3ffu);
  const uint32_t big = mag > 0x7f800000u ? nan : 0x7c00u;
  const uint32_t half = mag >= 0x477ff000u ? big : mag < 0x38800000u ? subnormal : normal;
  return static_cast<uint16_t>(sign | half);
#endif
}

// The float next to d that keeps what rounding once more needs: to odd, when d is not exact.
MP_INLINE float round_to_odd(double d) {
  const float f = static_cast<float>(d);
  const uint64_t kMagnitude = ~uint64_t{0} >> 1;
  const uint64_t exact = bit_cast<uint64_t>(d) & kMagnitude;
  const uint64_t rounded = bit_cast<uint64_t>(static_cast<double>(f)) & kMagnitude;
  const uint32_t bits = bit_cast<uint32_t>(f);
  const uint32_t step = rounded < exact ? 1u : rounded > exact ? ~0u : 0u;
  return bit_cast<float>(bits + (bits & 1u ? 0u : step));
}

MP_INLINE float bfloat_to_float(uint16_t b) { return bit_cast<float>(uint32_t{b} << 16); }

MP_INLINE uint16_t float_to_bfloat(float f) {
  const uint32_t bits = bit_cast<uint32_t>(f);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const uint32_t nan = ((bits >> 16) & 0x8000u) | 0x7fc0u;
  return static_cast<uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? nan : rounded);
}

}  // namespace mp::cpu::MP_ISA
