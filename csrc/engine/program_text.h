// Programs in words, for MINPY_DEBUG=2 (the instructions of each window that runs, segment by
// segment) and 3 (with where each operand lies: offset and strides in bytes).
#pragma once
#include <string>

#include "engine/fuser.h"

namespace mp {

std::string program_text(const Program& program, const FusedProgram& fused, bool layouts);

}  // namespace mp
