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

Value lower_log(Rule rule, Value x);         // Log, Log2, Log10, Log1p
Value lower_circular(Rule rule, Value x);    // Sin, Cos
Value lower_activation(Rule rule, Value x);  // Softsign to Erf
Value lower_power(Value x, Value y);

// Parts of one that another needs.
struct ExpParts {
  Value k, r, tail;  // x = k ln2 + r, e^r = 1 + r + tail
};
ExpParts lower_exp_parts(Value x);
Value lower_exp_tail(Value r);
Value lower_scale(Value y, Value k);  // y 2^k
Value lower_exp_below(Value x);       // of at most 88 or 709, or a NaN, which passes through
Value lower_expm1(Value x);
Value lower_sigmoid(Value x);
struct LogParts {
  Value k, m;
};
LogParts lower_log_parts(Value x);  // positive normal double x = 2^k m
Value lower_log2_short(Value x);    // of a positive normal double, to 2^-36

}  // namespace mp::jit
