#include <bit>
#include <type_traits>

#include "cpu/copy_loops.h"
#include "cpu/element.h"

namespace mp::cpu::MP_ISA {
namespace {

#if defined(__x86_64__) && !defined(__AVX512DQ__)
// A 64-bit integer as a double, rounded once, in operations that every vector unit has: its halves
// become the last digits of 2^52 and 2^84.
template <class T>
MP_INLINE double to_double(T v) {
  constexpr uint64_t kLow = 0x4330000000000000, kHigh = 0x4530000000000000;
  constexpr uint64_t kSign = std::is_signed_v<T> ? uint64_t{1} << 31 : 0;
  const uint64_t bits = static_cast<uint64_t>(v);
  const double low = std::bit_cast<double>((bits & 0xffffffff) | kLow);
  const double high = std::bit_cast<double>((bits >> 32) ^ (kHigh | kSign));
  constexpr double kOffset = 0x1p84 + 0x1p52 + (kSign ? 0x1p63 : 0);
  return (high - kOffset) + low;
}
#else
template <class T>
MP_INLINE double to_double(T v) {
  return static_cast<double>(v);
}
#endif

// Out-of-range floats become what the C conversion on x86-64 makes of them: the low bits of the
// int32 or the "indefinite" integer.
template <class D, class V>
MP_INLINE D convert(V v) {
  if constexpr (kSame<D, Bool>) {
    if constexpr (Kind<V>::is_complex)
      return {static_cast<uint8_t>((v.re != 0) | (v.im != 0))};
    else
      return {static_cast<uint8_t>(v != 0)};
  } else if constexpr (Kind<V>::is_complex) {
    if constexpr (Kind<D>::is_complex)
      return {static_cast<decltype(D::re)>(v.re), static_cast<decltype(D::re)>(v.im)};
    else
      return convert<D>(v.re);
  } else if constexpr (Kind<D>::is_complex) {
    return {static_cast<decltype(D::re)>(v), 0};
  } else if constexpr (kSame<D, Half>) {
    if constexpr (kSame<V, double>)
      return {float_to_half(round_to_odd(v))};
    else
      return {float_to_half(static_cast<float>(v))};
  } else if constexpr (kSame<D, BHalf>) {
    return {float_to_bfloat(static_cast<float>(v))};
  } else if constexpr (Kind<V>::is_float && !Kind<D>::is_float && sizeof(D) < 4) {
    return static_cast<D>(static_cast<int32_t>(v));
  } else if constexpr (kSame<D, double> && !Kind<V>::is_float && sizeof(V) == 8) {
    return to_double(v);
  } else {
    return static_cast<D>(v);
  }
}

// A truth value as the smaller of the byte and 1: GCC does not vectorise conversions of !=.
template <class S>
MP_INLINE auto source(S s) {
  return value(s);
}
MP_INLINE uint8_t source(Bool s) { return smaller<uint8_t>(s.v, 1); }

template <class D, class S>
void cast(char* d, int64_t ds, const char* s, int64_t ss, int64_t n) {
  if (ds == int64_t{sizeof(D)} && ss == int64_t{sizeof(S)}) {
    for (int64_t i = 0; i < n; ++i)
      store<D>(d + i * int64_t{sizeof(D)}, convert<D>(source(load<S>(s + i * int64_t{sizeof(S)}))));
  } else {
    for (int64_t i = 0; i < n; ++i) store<D>(d + i * ds, convert<D>(source(load<S>(s + i * ss))));
  }
}

#if defined(__F16C__)
// GCC does not vectorise the scalar conversion instructions: eight at a time here.
template <>
void cast<float, Half>(char* d, int64_t ds, const char* s, int64_t ss, int64_t n) {
  int64_t i = 0;
  if (ds == 4 && ss == 2)
    for (; i + 8 <= n; i += 8)
      _mm256_storeu_ps(
          reinterpret_cast<float*>(d + i * 4),
          _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(s + i * 2))));
  for (; i < n; ++i) store<float>(d + i * ds, half_to_float(load<uint16_t>(s + i * ss)));
}
// Eight floats to halves; the rest one by one.
MP_INLINE void floats_to_halves(char* d, int64_t ds, const char* s, int64_t ss, int64_t n) {
  int64_t i = 0;
  if (ds == 2 && ss == 4)
    for (; i + 8 <= n; i += 8)
      _mm_storeu_si128(reinterpret_cast<__m128i*>(d + i * 2),
                       _mm256_cvtps_ph(_mm256_loadu_ps(reinterpret_cast<const float*>(s + i * 4)),
                                       _MM_FROUND_TO_NEAREST_INT));
  for (; i < n; ++i) store<uint16_t>(d + i * ds, float_to_half(load<float>(s + i * ss)));
}
template <>
void cast<Half, double>(char* d, int64_t ds, const char* s, int64_t ss, int64_t n) {
  float block[256];
  for (int64_t i = 0; i < n; i += 256) {
    const int64_t m = smaller<int64_t>(n - i, 256);
    for (int64_t j = 0; j < m; ++j) block[j] = round_to_odd(load<double>(s + (i + j) * ss));
    floats_to_halves(d + i * ds, ds, reinterpret_cast<const char*>(block), 4, m);
  }
}
template <>
void cast<Half, float>(char* d, int64_t ds, const char* s, int64_t ss, int64_t n) {
  floats_to_halves(d, ds, s, ss, n);
}
#endif

#define MP_CAST_ROW(S)                                                                    \
  {cast<Bool, S>,     cast<int8_t, S>,         cast<uint8_t, S>,        cast<int16_t, S>, \
   cast<uint16_t, S>, cast<int32_t, S>,        cast<uint32_t, S>,       cast<int64_t, S>, \
   cast<uint64_t, S>, cast<Half, S>,           cast<BHalf, S>,          cast<float, S>,   \
   cast<double, S>,   cast<Complex<float>, S>, cast<Complex<double>, S>}

}  // namespace

extern const CastLoops cast_loops;
const CastLoops cast_loops = {
    {MP_CAST_ROW(Bool), MP_CAST_ROW(int8_t), MP_CAST_ROW(uint8_t), MP_CAST_ROW(int16_t),
     MP_CAST_ROW(uint16_t), MP_CAST_ROW(int32_t), MP_CAST_ROW(uint32_t), MP_CAST_ROW(int64_t),
     MP_CAST_ROW(uint64_t), MP_CAST_ROW(Half), MP_CAST_ROW(BHalf), MP_CAST_ROW(float),
     MP_CAST_ROW(double), MP_CAST_ROW(Complex<float>), MP_CAST_ROW(Complex<double>)}};

}  // namespace mp::cpu::MP_ISA
