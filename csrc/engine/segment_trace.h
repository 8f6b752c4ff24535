// Runs a segment, with a span for the profiler that names its instructions, shape and outputs and
// counts the bytes that pass between it and memory.
#pragma once
#include "engine/executor.h"

namespace mp {

void run_segment_traced(const Program& program, const FusedProgram& fused, const Segment& segment,
                        int* raised, int ignored);

}  // namespace mp
