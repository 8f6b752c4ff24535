// Numbers on the tape: what a gradient rule sees of an operator whose operands and result are
// single real numbers of one dtype (a NumberNode). The rule is the one for arrays, compiled once
// more for float and for double; csrc/ops/expr.h has the operations. They give the bits and raise
// the flags of the operators' loops. Where a flag is up after a rule, the pass does the node again
// with arrays, which reports it (Note [Numbers on the tape]).
#pragma once
#include "graph/node.h"

namespace mp {

template <class T>
struct Number {
  T value;
};
struct Truth {  // of a comparison of numbers
  bool value;
};

template <class T>
class NumberVjp {
 public:
  // targets: per input, negative where nobody wants the gradient.
  NumberVjp(const NumberNode& node, T g, const int32_t* targets)
      : node_(node), targets_(targets), g_(g) {}

  Number<T> g() const { return {g_}; }
  Number<T> in(int i) const { return {node_.value<T>(i)}; }
  Number<T> out() const { return {node_.value<T>(NumberNode::kResult)}; }
  bool needs(int i) const { return targets_[i] >= 0; }
  void grad(int i, Number<T> value) {
    grads_[i] = value.value;
    given_[i] = needs(i);
  }

  // What the rule gave input i; null: nothing.
  const T* given(int i) const { return given_[i] ? &grads_[i] : nullptr; }

 private:
  const NumberNode& node_;
  const int32_t* targets_;
  T g_, grads_[NumberNode::kMaxInputs];
  bool given_[NumberNode::kMaxInputs] = {};
};

}  // namespace mp
