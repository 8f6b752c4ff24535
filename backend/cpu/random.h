// Philox4x32-10, a generator whose every block of four 32-bit words is a function of a key and a
// 128-bit counter, and the distributions made from its words (Note [Counter-based random numbers]).
// Invariants: a block makes 16 bytes of any draw, and which bytes depends on the key, the counter
// and the draw alone: not on threads, cuts or instruction sets. Nothing here raises a
// floating-point flag but "inexact".
#pragma once
#include <cstdint>

#include "cpu/isa.h"

namespace mp::cpu {

struct Philox {
  uint32_t key[2];
  uint64_t block, stream;  // the low and high halves of the counter
};

// Words as they are; [0, 1) in steps of 2^-24 or 2^-53; standard normal and exponential deviates.
enum class Draw : uint8_t {
  Word32,
  Word64,
  Uniform32,
  Uniform64,
  Normal32,
  Normal64,
  Exponential32,
  Exponential64
};
inline constexpr int kDraws = 8;
inline constexpr int64_t kBlockBytes = 16;
constexpr int draw_size(Draw draw) { return static_cast<int>(draw) & 1 ? 8 : 4; }

// What distributions of floats are multiplied by and moved by.
struct Affine {
  double scale = 1, shift = 0;
};

struct RandomLoops {
  // The elements of `blocks` blocks.
  using Fill = void (*)(char* out, int64_t blocks, Philox at, Affine affine);
  // out[i] = low + words[i] * span / 2^32, modulo the size; whether a product's low half was below
  // `threshold` anywhere.
  using Bounded = bool (*)(char* out, const uint32_t* words, int64_t n, uint32_t span,
                           uint32_t threshold, uint64_t low);
  Fill fill[kDraws];
  Bounded bounded[4];  // for integers of 1 << i bytes
};
MP_DECLARE_PER_ISA(RandomLoops, random_loops)

// out[0..n) = the elements of a draw from the block of `at`, without its first `skip` elements.
void random_fill(Draw draw, char* out, int64_t n, Philox at, int skip, Affine affine);

// Integers low[i] ... low[i] + last[i], modulo the size of 1, 2, 4 or 8 bytes, each equally likely.
// With step 0, low and last point to one number for all; else 64-bit words are used for all.
struct IntegerRange {
  const uint64_t *low, *last;
  int step;
  bool one_word() const { return step == 0 && *last <= 0xffffffff; }
};
void random_integers(char* out, int size, int64_t n, Philox at, int skip, IntegerRange range);

// The numbers below n, less than 2^32, in one of their orders, each equally likely (Fisher and
// Yates, from the last place on; a 32-bit word for each).
void random_order(int64_t* order, int64_t n, Philox at, int skip);

}  // namespace mp::cpu
