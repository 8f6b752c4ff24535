// From a recipe to the body of its loop.
#pragma once
#include "engine/jit/ir.h"
#include "engine/jit/recipe.h"

namespace mp::jit {

// Whether the emitter has code for the rule over these dtypes (inputs, then the output).
bool can_lower(Rule rule, int nin, const DType* types);
Body lower(const Recipe& recipe);

}  // namespace mp::jit
