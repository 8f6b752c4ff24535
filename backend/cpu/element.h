// The element types as they lie in memory, for kernels of one instruction set, with the row over
// all dtypes.
#pragma once
#include "cpu/half.h"

namespace mp::cpu::MP_ISA {

struct Bool {
  uint8_t v;
};
struct Half {
  uint16_t bits;
};
struct BHalf {
  uint16_t bits;
};
template <class R>
struct Complex {
  R re, im;
  friend MP_INLINE Complex operator+(Complex a, Complex b) { return {a.re + b.re, a.im + b.im}; }
  friend MP_INLINE Complex operator*(Complex a, Complex b) {
    return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
  }
};
using C64 = Complex<float>;
using C128 = Complex<double>;

template <class T>
struct Kind {
  static constexpr bool is_float = false, is_complex = false;
};
template <>
struct Kind<float> {
  static constexpr bool is_float = true, is_complex = false;
};
template <>
struct Kind<double> {
  static constexpr bool is_float = true, is_complex = false;
};
template <class R>
struct Kind<Complex<R>> {
  static constexpr bool is_float = false, is_complex = true;
};

template <class A, class B>
inline constexpr bool kSame = false;
template <class A>
inline constexpr bool kSame<A, A> = true;

// The value in the type that computations start from.
template <class S>
MP_INLINE S value(S s) {
  return s;
}
MP_INLINE uint8_t value(Bool s) { return s.v != 0; }  // foreign memory may hold any byte
MP_INLINE float value(Half s) { return half_to_float(s.bits); }
MP_INLINE float value(BHalf s) { return bfloat_to_float(s.bits); }

// The reverse, from the same type.
template <class D, class V>
MP_INLINE D element(V v) {
  if constexpr (kSame<D, Half>)
    return {float_to_half(v)};
  else if constexpr (kSame<D, BHalf>)
    return {float_to_bfloat(v)};
  else if constexpr (kSame<D, Bool>)
    return {v};
  else
    return v;
}

template <class S>
MP_INLINE uint8_t nonzero(S s) {
  if constexpr (Kind<S>::is_complex)
    return static_cast<uint8_t>((s.re != 0) | (s.im != 0));
  else if constexpr (kSame<S, Half> || kSame<S, BHalf>)
    return (s.bits & 0x7fff) != 0;
  else
    return value(s) != 0;
}

// M(type) for every dtype in the order of DType, separated by commas.
#define MP_ALL_TYPES(M)                                                                         \
  M(Bool), M(int8_t), M(uint8_t), M(int16_t), M(uint16_t), M(int32_t), M(uint32_t), M(int64_t), \
      M(uint64_t), M(Half), M(BHalf), M(float), M(double), M(C64), M(C128)

}  // namespace mp::cpu::MP_ISA
