// Which rule an instruction follows, by its name.
#pragma once
#include "engine/jit/recipe.h"
#include "graph/program.h"

namespace mp::jit {

// Rule::None when the emitter has no code for it.
Rule rule_of(const Instruction& op);

}  // namespace mp::jit
