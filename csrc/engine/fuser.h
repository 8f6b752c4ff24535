// The fuser cuts a program into segments: groups of instructions that one pass over memory serves,
// block by block, while values that nobody sees afterwards stay in scratch. An instruction joins
// the earliest segment of its shape that no data dependency forbids: two instructions that touch
// one storage, one of them writing, share a segment only when their views are the same, and
// otherwise keep their order unless the views are disjoint (rule R-A).
#pragma once
#include <cstdint>
#include <vector>

#include "graph/program.h"

namespace mp {

enum class Pass : uint8_t {
  Flat,     // elementwise only
  Rows,     // with reductions of the trailing axes: whole rows at a time
  Tree,     // with reductions of everything: along the pairwise tree
  Columns,  // with reductions of the leading axes: down the columns
  Alone,    // one reduction that fuses with nothing
};

struct Segment {
  Pass pass = Pass::Flat;
  int reduced_from = 0;  // Rows: the first reduced axis; Columns: the first kept one
  int ndim = 0;
  int64_t shape[kProgramDims];
  std::vector<int> code;  // in program order
};

// Where a storage's values live while the program runs.
struct Home {
  enum : uint8_t { Unused, Memory, Scratch } kind = Unused;
  int segment = -1;  // of a scratch value
};

struct FusedProgram {
  std::vector<Segment> segments;
  std::vector<Home> homes;  // per slot
};

FusedProgram fuse(const Program& program);
// Whether the instruction can run in such a pass: its operands step through the columns evenly.
bool walks(const Instruction& op, Pass pass, int columns_from);

}  // namespace mp
