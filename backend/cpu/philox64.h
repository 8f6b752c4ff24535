// Philox4x64-10 as NumPy's bit generator of that name has it: blocks of four 64-bit words from a
// counter of 256 bits, and the floats that NumPy makes of them. Invariant: element i is a function
// of the key, the counter and i alone.
#pragma once
#include <cstdint>

#include "cpu/isa.h"

namespace mp::cpu {

struct Philox64 {
  uint64_t key[2], counter[4];
};

// Words as they are; [0, 1) in steps of 2^-53 from each; [0, 1) in steps of 2^-24 from the low and
// the high half of each.
enum class Draw64 : uint8_t { Words, Doubles, Floats };
inline constexpr int kDraws64 = 3;
inline constexpr int64_t kBlockBytes64 = 32;
constexpr int draw_size(Draw64 draw) { return draw == Draw64::Floats ? 4 : 8; }

struct Philox64Loops {
  // The elements of `blocks` blocks.
  using Fill = void (*)(char* out, int64_t blocks, Philox64 at);
  Fill fill[kDraws64];
};
MP_DECLARE_PER_ISA(Philox64Loops, philox64_loops)

// out[0..n) = the elements of a draw from the block of `at` on.
void philox64_fill(Draw64 draw, char* out, int64_t n, const Philox64& at);

}  // namespace mp::cpu
