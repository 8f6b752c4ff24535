// Blocks of Philox4x32-10 by vectors: what the draws of *_isa.cc take their words from. Include
// only from there, in files that define MP_PLAIN_MATH.
#pragma once
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

// sink(i, x0, x1, x2, x3) for the words of the blocks of numbers index(i) ... (a vector of kLanes),
// for every i in steps of kLanes up to at least `blocks` and at most the next multiple of kGroups *
// kLanes: so many rounds are under way at a time, since each waits for the one before.
constexpr int kGroups = 2;
template <class Index, class Sink>
MP_INLINE void philox_of(const Philox& at, int64_t blocks, Index index, Sink sink) {
  Words key[kRounds][2];
  for (int r = 0; r < kRounds; ++r) {
    key[r][0] = Words{} + uint64_t{uint32_t(at.key[0] + r * 0x9e3779b9u)};
    key[r][1] = Words{} + uint64_t{uint32_t(at.key[1] + r * 0xbb67ae85u)};
  }
  const Words first = Words{} + 0xd2511f53u, second = Words{} + 0xcd9e8d57u;
  for (int64_t i = 0; i < blocks; i += kGroups * kLanes) {
    Words x[kGroups][4];
    for (int g = 0; g < kGroups; ++g) {
      x[g][0] = index(i + g * kLanes), x[g][1] = x[g][0] >> 32;
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

// The same for consecutive blocks from that of `at` on.
template <class Sink>
MP_INLINE void philox(const Philox& at, int64_t blocks, Sink sink) {
  Words start;
  for (int lane = 0; lane < kLanes; ++lane) start[lane] = at.block + lane;
  philox_of(
      at, blocks, [start](int64_t i) __attribute__((always_inline)) { return start + uint64_t(i); },
      sink);
}

MP_INLINE Words joined(Words low, Words high) { return (low & 0xffffffff) | (high << 32); }
MP_INLINE Words words_at(const uint64_t* from) {
  Words words;
  __builtin_memcpy(&words, from, sizeof words);
  return words;
}
MP_INLINE void put(uint64_t* to, Words words) { __builtin_memcpy(to, &words, sizeof words); }

}  // namespace
}  // namespace mp::cpu::MP_ISA
