// Between the fuser and the executor: a value that several segments use, and nobody afterwards, is
// computed in each of them again where that is cheaper than to keep it in memory. Fusing it with
// all its users, which memory between segments prevents, is what `x.std()` of a chain needs, whose
// second pass begins when the mean is known. Invariant: an instruction in several segments writes
// scratch only, and what it reads does not change after its place in the program.
#pragma once
#include "engine/fuser.h"

namespace mp {

void recompute(const Program& program, FusedProgram& fused);

}  // namespace mp
