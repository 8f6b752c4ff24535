// Without fused operations, so that all instruction sets compute the same bits.
#define MP_PLAIN_MATH
#include "cpu/math/log.h"
#include "cpu/math/trig.h"
#include "cpu/random.h"
#include "cpu/vec.h"
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace mp::cpu::MP_ISA {
namespace {

// Vectors of 64-bit lanes, each with one word of a block in its low half and anything above it.
#if defined(__AVX512F__)
constexpr int kLanes = 8;
using Words = Vec<uint64_t, kLanes>;
MP_INLINE Words product(Words a, Words b) {  // by the form that g++ 12 does not warn of
  return reinterpret_cast<Words>(
      _mm512_maskz_mul_epu32(0xff, reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
}
MP_INLINE void interleave(Words a, Words b, Words* out) {
  out[0] = MP_SHUFFLE(Words, a, b, 0, 8, 1, 9, 2, 10, 3, 11);
  out[1] = MP_SHUFFLE(Words, a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}
#elif defined(__SSE2__) && !defined(__AVX2__)
constexpr int kLanes = 2;
using Words = Vec<uint64_t, kLanes>;
MP_INLINE Words product(Words a, Words b) {
  return reinterpret_cast<Words>(
      _mm_mul_epu32(reinterpret_cast<__m128i>(a), reinterpret_cast<__m128i>(b)));
}
MP_INLINE void interleave(Words a, Words b, Words* out) {
  out[0] = MP_SHUFFLE(Words, a, b, 0, 2);
  out[1] = MP_SHUFFLE(Words, a, b, 1, 3);
}
#else
constexpr int kLanes = 4;
using Words = Vec<uint64_t, kLanes>;
MP_INLINE Words product(Words a, Words b) {
#if defined(__AVX2__)
  return reinterpret_cast<Words>(
      _mm256_mul_epu32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
#else
  return (a & 0xffffffff) * (b & 0xffffffff);
#endif
}
MP_INLINE void interleave(Words a, Words b, Words* out) {
  out[0] = MP_SHUFFLE(Words, a, b, 0, 4, 1, 5);
  out[1] = MP_SHUFFLE(Words, a, b, 2, 6, 3, 7);
}
#endif

constexpr int kRounds = 10;
constexpr int64_t kChunk = 256;  // blocks that are made at a time: 4 KiB

// The words of some blocks on their way to a distribution.
struct Scratch {
  alignas(64) uint64_t first[kChunk], second[kChunk];
};

// sink(i, x0, x1, x2, x3) for the words of blocks i ... i + kLanes - 1, up to at least `blocks`
// and at most the next multiple of kGroups * kLanes: so many rounds are under way at a time, since
// each waits for the one before.
constexpr int kGroups = 2;
template <class Sink>
MP_INLINE void philox(const Philox& at, int64_t blocks, Sink sink) {
  Words key[kRounds][2];
  for (int r = 0; r < kRounds; ++r) {
    key[r][0] = Words{} + uint64_t{uint32_t(at.key[0] + r * 0x9e3779b9u)};
    key[r][1] = Words{} + uint64_t{uint32_t(at.key[1] + r * 0xbb67ae85u)};
  }
  const Words first = Words{} + 0xd2511f53u, second = Words{} + 0xcd9e8d57u;
  Words index;
  for (int lane = 0; lane < kLanes; ++lane) index[lane] = at.block + lane;
  for (int64_t i = 0; i < blocks; i += kGroups * kLanes) {
    Words x[kGroups][4];
    for (int g = 0; g < kGroups; ++g, index += kLanes) {
      x[g][0] = index, x[g][1] = index >> 32;
      x[g][2] = Words{} + at.stream, x[g][3] = Words{} + (at.stream >> 32);
    }
#pragma GCC unroll 10
    for (int r = 0; r < kRounds; ++r)
      for (int g = 0; g < kGroups; ++g) {
        const Words a = product(x[g][0], first), b = product(x[g][2], second);
        x[g][0] = (b >> 32) ^ x[g][1] ^ key[r][0];
        x[g][1] = b;
        x[g][2] = (a >> 32) ^ x[g][3] ^ key[r][1];
        x[g][3] = a;
      }
    for (int g = 0; g < kGroups; ++g) sink(i + g * kLanes, x[g][0], x[g][1], x[g][2], x[g][3]);
  }
}

MP_INLINE Words joined(Words low, Words high) { return (low & 0xffffffff) | (high << 32); }
MP_INLINE void put(uint64_t* to, Words words) { __builtin_memcpy(to, &words, sizeof words); }

// The words in their order; `to` has room for a whole number of vectors of blocks.
MP_INLINE void in_order(uint64_t* to, const Philox& at, int64_t blocks) {
  philox(at, blocks,
         [to](int64_t i, Words x0, Words x1, Words x2, Words x3) __attribute__((always_inline)) {
           Words pairs[2];
           interleave(joined(x0, x1), joined(x2, x3), pairs);
           put(to + 2 * i, pairs[0]);
           put(to + 2 * i + kLanes, pairs[1]);
         });
}

// step(out, blocks, at) for chunks of the blocks.
template <class Step>
MP_INLINE void by_chunks(char* out, int64_t blocks, Philox at, Step step) {
  while (blocks > 0) {
    const int64_t now = smaller(blocks, kChunk);
    step(out, now, at);
    out += now * kBlockBytes;
    at.block += now;
    blocks -= now;
  }
}

template <class T>
MP_INLINE void apply(T* x, int64_t n, Affine affine) {
  if (affine.scale == 1 && affine.shift == 0) return;
  const T scale = T(affine.scale), shift = T(affine.shift);
  for (int64_t i = 0; i < n; ++i) x[i] = shift + scale * x[i];
}

void fill_words(char* out, int64_t blocks, Philox at, Affine) {
  by_chunks(out, blocks, at, [](char* to, int64_t n, const Philox& from) {
    uint64_t words[2 * kChunk];
    in_order(words, from, n);
    __builtin_memcpy(to, words, n * kBlockBytes);
  });
}

MP_FN float unit(uint32_t word) { return float(int32_t(word >> 8)) * 0x1p-24f; }
// Two exact conversions of less than 53 bits each, since few instruction sets convert 64.
constexpr int64_t kTwo52 = 0x4330000000000000;
MP_FN double unit(uint64_t word) {
  const double high = mp_from_bits(int64_t(word >> 32) | kTwo52) - 0x1p52;
  const double low = mp_from_bits((int64_t(word >> 11) & 0x1fffff) | kTwo52) - 0x1p52;
  return high * 0x1p-32 + low * 0x1p-53;
}

template <class T>
void fill_uniform(char* out, int64_t blocks, Philox at, Affine affine) {
  using Word = UInt<sizeof(T)>;
  by_chunks(out, blocks, at, [affine](char* out_bytes, int64_t now, const Philox& from) {
    alignas(64) uint64_t words[2 * kChunk];
    in_order(words, from, now);
    const Word* word = reinterpret_cast<const Word*>(words);
    T* to = reinterpret_cast<T*>(out_bytes);
    const int64_t n = now * kBlockBytes / int64_t(sizeof(T));
    for (int64_t i = 0; i < n; ++i) to[i] = unit(word[i]);
    apply(to, n, affine);
  });
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

// A pair takes two words of its size: of a block, the first two and the last two, or all as one
// pair.
template <class T>
void fill_normal(char* out, int64_t blocks, Philox at, Affine affine) {
  using Word = UInt<sizeof(T)>;
  by_chunks(out, blocks, at, [affine](char* out_bytes, int64_t now, const Philox& from) {
    Scratch scratch;
    philox(from, now,
           [&scratch](int64_t i, Words x0, Words x1, Words x2, Words x3)
               __attribute__((always_inline)) {
                 put(scratch.first + i, sizeof(T) == 4 ? joined(x0, x2) : joined(x0, x1));
                 put(scratch.second + i, sizeof(T) == 4 ? joined(x1, x3) : joined(x2, x3));
               });
    const Word* radius = reinterpret_cast<const Word*>(scratch.first);
    const Word* angle = reinterpret_cast<const Word*>(scratch.second);
    T* to = reinterpret_cast<T*>(out_bytes);
    const int64_t pairs = now * (kBlockBytes / 2) / int64_t(sizeof(T));
    for (int64_t i = 0; i < pairs; ++i) normal_pair(radius[i], angle[i], to + 2 * i);
    apply(to, 2 * pairs, affine);
  });
}

template <class T>
bool bounded(char* out, const uint32_t* words, int64_t n, uint32_t span, uint32_t threshold,
             uint64_t low) {
  T* to = reinterpret_cast<T*>(out);
  const T first = T(low);
  uint32_t rejected = 0;
  for (int64_t i = 0; i < n; ++i) {
    const uint64_t scaled = uint64_t{words[i]} * span;
    rejected |= uint32_t(scaled) < threshold ? 1 : 0;
    to[i] = T(first + T(scaled >> 32));
  }
  return rejected != 0;
}

}  // namespace

extern const RandomLoops random_loops;
const RandomLoops random_loops = {
    {fill_words, fill_words, fill_uniform<float>, fill_uniform<double>, fill_normal<float>,
     fill_normal<double>},
    {bounded<uint8_t>, bounded<uint16_t>, bounded<uint32_t>, bounded<uint64_t>}};

}  // namespace mp::cpu::MP_ISA
