// Without fused operations, so that all instruction sets compute the same bits.
#define MP_PLAIN_MATH
#include "cpu/philox_vec.h"
#include "cpu/random_floats.h"

namespace mp::cpu::MP_ISA {
namespace {

// The words of some blocks on their way to a distribution.
struct Scratch {
  alignas(64) uint64_t first[kChunk], second[kChunk];
};

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

// Each number from the word of its size.
struct Uniform {
  template <class Word>
  MP_FN auto of(Word word) {
    return unit(word);
  }
};
struct Exponential {
  template <class Word>
  MP_FN auto of(Word word) {
    return exponential(word);
  }
};
template <class Number, class T>
void fill_numbers(char* out, int64_t blocks, Philox at, Affine affine) {
  using Word = UInt<sizeof(T)>;
  by_chunks(out, blocks, at, [affine](char* out_bytes, int64_t now, const Philox& from) {
    alignas(64) uint64_t words[2 * kChunk];
    in_order(words, from, now);
    const Word* word = reinterpret_cast<const Word*>(words);
    T* to = reinterpret_cast<T*>(out_bytes);
    const int64_t n = now * kBlockBytes / int64_t(sizeof(T));
    for (int64_t i = 0; i < n; ++i) to[i] = Number::of(word[i]);
    apply(to, n, affine);
  });
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
    {fill_words, fill_words, fill_numbers<Uniform, float>, fill_numbers<Uniform, double>,
     fill_normal<float>, fill_normal<double>, fill_numbers<Exponential, float>,
     fill_numbers<Exponential, double>},
    {bounded<uint8_t>, bounded<uint16_t>, bounded<uint32_t>, bounded<uint64_t>}};

}  // namespace mp::cpu::MP_ISA
