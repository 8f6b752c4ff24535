// Functions as nodes: the operations of cpu/math in their order, so the bits are those of its
// loops. Only for the arguments that need no care; the others are marked suspect, and the
// operators' own loops redo their block. Flags may be raised that the loops do not raise, as that
// redoes the block too, but none may be missing.
#pragma once
#include "engine/jit/recipe.h"
#include "engine/jit/value.h"

namespace mp::jit {

// y is for functions of two arguments.
int lower_math(Builder& to, Rule rule, int size, int x, int y);

Value lower_log(Rule rule, Value x);       // Log, Log2, Log10, Log1p
Value lower_circular(Rule rule, Value x);  // Sin, Cos

}  // namespace mp::jit
