// Emitted code for runs of cheap elementwise operators. A run of neighbouring operators of a
// segment becomes one loop that keeps what lies between them in registers. Code is made for runs
// that are hot, and kept by their recipe: what they compute, not where, how much or with which
// numbers. The operators' own loops stay the oracle: results are equal bit for bit (but for which
// of two NaNs comes through), and where a floating-point flag is raised the caller lets them redo
// the block, which tells whose it was. See Note [The emitter]. Thread-safe; needs no Python.
// Only on x86-64 with AVX2; elsewhere, and with MINPY_JIT=0, plan() finds nothing.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "engine/jit/emit.h"
#include "graph/program.h"

namespace mp::jit {

// How an operator meets an operand within a block.
enum class Reach : uint8_t { Unfit, Repeated, Vector };
struct Argument {
  Reach reach = Reach::Unfit;
  bool scratch = false;
  bool streams = false;  // memory that may be written past the caches
};
struct Candidate {
  const Instruction* code;
  Argument args[kProgramArgs];
};

struct Run {
  struct Pointer {
    int op, arg;        // whose operand it points to
    bool save = false;  // to room for what is there before, which is an output too
  };
  int first = 0, count = 0;
  Code code = nullptr;
  bool raises = false;
  std::vector<Pointer> pointers;
};

// Appends the runs among the operators for which there is code by now. `elements` says how much
// work one execution is.
void plan(std::span<const Candidate> ops, int64_t elements, std::vector<Run>& runs);

inline constexpr int kMostPointers = 128;  // of a run, repeated numbers included

// Whether code for the operator alone is better than its loop.
bool worthwhile(const Instruction& op);

bool enabled();
bool available();        // whether this processor and system can run emitted code
void enable(bool wish);  // no effect where it is not available
// How many elements times operators run before code is made.
void set_hot(int64_t work);
struct Counters {
  int64_t recipes = 0, compiled = 0, bytes = 0, nanoseconds = 0;
  int64_t recoveries = 0;  // blocks that the operators' loops redid
};
Counters counters();
void count_recoveries(int64_t blocks);
void forget();  // all that is known about recipes; code that was made stays where it is

}  // namespace mp::jit
