// Building blocks shared by the *_isa.cc files: unaligned loads and stores, GCC vector types, and
// small replacements for std templates, all in namespace MP_ISA (see cpu/isa.h for why). Include
// only from there.
#pragma once
#include <cstdint>
#include <cstring>

#if defined(__AVX__)
#include <immintrin.h>
#endif

#define MP_INLINE inline __attribute__((always_inline))

namespace mp::cpu::MP_ISA {

template <class T>
MP_INLINE T load(const char* p) {
  T v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
template <class T>
MP_INLINE void store(char* p, T v) {
  __builtin_memcpy(p, &v, sizeof v);
}
template <class T>
MP_INLINE T smaller(T a, T b) {
  return b < a ? b : a;
}

template <class To, class From>
MP_INLINE To bit_cast(From v) {
  static_assert(sizeof(To) == sizeof(From));
  To r;
  __builtin_memcpy(&r, &v, sizeof r);
  return r;
}

template <int kBytes>
struct UIntOf;
template <>
struct UIntOf<1> {
  using type = uint8_t;
};
template <>
struct UIntOf<2> {
  using type = uint16_t;
};
template <>
struct UIntOf<4> {
  using type = uint32_t;
};
template <>
struct UIntOf<8> {
  using type = uint64_t;
};
struct Bytes16 {
  uint64_t lo, hi;
};
template <>
struct UIntOf<16> {
  using type = Bytes16;
};
template <int kBytes>
using UInt = typename UIntOf<kBytes>::type;

// MP_SHUFFLE(MaskVector, a, b, i0, i1, …): the elements i of the pair (a, b), at compile time.
#if defined(__clang__)
#define MP_SHUFFLE(Mask, a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define MP_SHUFFLE(Mask, a, b, ...) __builtin_shuffle(a, b, (Mask){__VA_ARGS__})
#endif

template <class T, int N>
struct VecOf {
  typedef T type __attribute__((vector_size(N * sizeof(T))));
};
template <class T, int N>
using Vec = typename VecOf<T, N>::type;

// Lanes where a or b is NaN.
template <class V>
MP_INLINE auto unordered(V a, V b) {
#if defined(__AVX__)
  if constexpr (sizeof(a[0]) == 4)
    return reinterpret_cast<Vec<int32_t, 8>>(
        _mm256_cmp_ps(reinterpret_cast<__m256>(a), reinterpret_cast<__m256>(b), _CMP_UNORD_Q));
  else
    return reinterpret_cast<Vec<int64_t, 4>>(
        _mm256_cmp_pd(reinterpret_cast<__m256d>(a), reinterpret_cast<__m256d>(b), _CMP_UNORD_Q));
#else
  return (a != a) | (b != b);
#endif
}

// Whether any bit of a vector of 32 bytes is set.
template <class M>
MP_INLINE bool any_lane(M mask) {
  static_assert(sizeof(M) == 32);
#if defined(__AVX__)
  const auto bits = reinterpret_cast<__m256i>(mask);
  return !_mm256_testz_si256(bits, bits);
#else
  const auto words = reinterpret_cast<Vec<uint64_t, 4>>(mask);
  return (words[0] | words[1] | words[2] | words[3]) != 0;
#endif
}

// The first set lane of a 32-byte mask of lanes 0 or -1, one of which is set.
template <class M>
MP_INLINE int first_lane(M mask) {
#if defined(__AVX2__)
  return __builtin_ctz(_mm256_movemask_epi8(reinterpret_cast<__m256i>(mask))) /
         static_cast<int>(sizeof(mask[0]));
#else
  int lane = 0;
  while (mask[lane] == 0) ++lane;
  return lane;
#endif
}

}  // namespace mp::cpu::MP_ISA
