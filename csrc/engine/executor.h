// Runs fused segments on the CPU: a blocked virtual machine whose instructions are the same inner
// loops that run operators one by one, so that results are equal bit for bit. Needs no Python.
#pragma once
#include <vector>

#include "engine/fuser.h"

namespace mp {

// Runs one segment. raised[i] collects the floating-point flags (FE_*) of instruction i.
// Of the `ignored` ones it may miss some. All memory that the segment touches is allocated.
void run_segment(const Program& program, const FusedProgram& fused, const Segment& segment,
                 int* raised, int ignored);

}  // namespace mp
