// Functions as nodes: the operations of cpu/math in their order, so the bits are those of its
// loops. Only for the arguments that need no care; the others, NaN among them, are marked suspect,
// and the operators' own loops redo their block.
#pragma once
#include "engine/jit/builder.h"
#include "engine/jit/recipe.h"

namespace mp::jit {

constexpr bool is_math(Rule rule) {
  return rule == Rule::Exp || rule == Rule::Tanh || rule == Rule::Sigmoid;
}
int lower_math(Builder& to, Rule rule, int size, int x);

}  // namespace mp::jit
