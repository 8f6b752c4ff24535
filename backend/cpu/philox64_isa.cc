#include "cpu/philox64.h"

#define MP_PLAIN_MATH
#include "cpu/random_floats.h"

namespace mp::cpu::MP_ISA {
namespace {

constexpr int kRounds = 10;
constexpr int64_t kChunk = 128;  // blocks that are made at a time: 4 KiB

// Products of 64-bit words are scalar instructions; the blocks' rounds overlap in the processor.
void make_words(uint64_t* to, int64_t blocks, Philox64& at) {
  uint64_t key[kRounds][2];
  for (uint64_t r = 0; r < kRounds; ++r) {
    key[r][0] = at.key[0] + r * 0x9e3779b97f4a7c15;
    key[r][1] = at.key[1] + r * 0xbb67ae8584caa73b;
  }
  for (int64_t i = 0; i < blocks; ++i) {
    uint64_t x0 = at.counter[0], x1 = at.counter[1], x2 = at.counter[2], x3 = at.counter[3];
#pragma GCC unroll 10
    for (int r = 0; r < kRounds; ++r) {
      const auto a = static_cast<unsigned __int128>(x0) * 0xd2e7470ee14c6c93;
      const auto b = static_cast<unsigned __int128>(x2) * 0xca5a826395121157;
      x0 = uint64_t(b >> 64) ^ x1 ^ key[r][0];
      x2 = uint64_t(a >> 64) ^ x3 ^ key[r][1];
      x1 = uint64_t(b), x3 = uint64_t(a);
    }
    to[4 * i] = x0, to[4 * i + 1] = x1, to[4 * i + 2] = x2, to[4 * i + 3] = x3;
    for (int w = 0; w < 4 && ++at.counter[w] == 0; ++w) {
    }
  }
}

void fill_words(char* out, int64_t blocks, Philox64 at) {
  uint64_t words[4 * kChunk];
  for (int64_t i = 0; i < blocks; i += kChunk) {
    const int64_t now = smaller(blocks - i, kChunk);
    make_words(words, now, at);
    __builtin_memcpy(out + i * kBlockBytes64, words, now * kBlockBytes64);
  }
}

template <class T>
void fill_uniform(char* out, int64_t blocks, Philox64 at) {
  alignas(64) uint64_t words[4 * kChunk];
  const auto* word = reinterpret_cast<const UInt<sizeof(T)>*>(words);
  for (int64_t i = 0; i < blocks; i += kChunk) {
    const int64_t now = smaller(blocks - i, kChunk), n = now * kBlockBytes64 / int64_t(sizeof(T));
    make_words(words, now, at);
    T* to = reinterpret_cast<T*>(out + i * kBlockBytes64);
    for (int64_t j = 0; j < n; ++j) to[j] = unit(word[j]);
  }
}

}  // namespace

extern const Philox64Loops philox64_loops;
const Philox64Loops philox64_loops = {{fill_words, fill_uniform<double>, fill_uniform<float>}};

}  // namespace mp::cpu::MP_ISA
