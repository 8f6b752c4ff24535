// Vjp: what a gradient rule sees of one operator application, and where it puts the operands'
// gradients. A rule is a function of the cotangents g(i) of the outputs, the saved in(i) and
// out(i), and attrs(). It computes with csrc/ops/api.h only, so that it records itself when a
// higher derivative is wanted (R-H). Complex gradients follow HIPS autograd and JAX: the derivative
// of a holomorphic f multiplies by f'(z), without conjugation.
#pragma once
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/pyref.h"
#include "graph/node.h"
#include "tape/cotangent.h"

namespace mp {

// Sparse gradients of leaves that a pass has found so far.
using SparseParts = std::vector<std::pair<Node*, PyRef>>;

class Vjp {
 public:
  // cotangents: one per output, empty meaning zero. targets: per input, which of the sums its
  // gradient is added to; negative where nobody wants it. sparse: where rules put gradients by
  // rows, or null where only arrays will do.
  Vjp(Node& node, tape::Cotangent* cotangents, const int32_t* targets, tape::Cotangent* sums,
      SparseParts* sparse = nullptr)
      : node_(node), cotangents_(cotangents), targets_(targets), sums_(sums), sparse_(sparse) {}

  const char* name() const { return node_.op->name; }
  int nin() const { return static_cast<int>(node_.nin); }
  int nout() const { return static_cast<int>(node_.nout); }
  bool needs(int i) const { return targets_[i] >= 0; }
  bool has_g(int i) const { return bool(cotangents_[i]); }
  const ArrayRef& g(int i = 0);  // zeros when nothing flowed into that output
  ArrayRef in(int i);
  ArrayRef out(int i = 0);
  const Meta& out_meta(int i = 0) const { return node_.outs[i]; }
  const Meta& in_meta(int i) const {
    return node_.edges[i].node->outs[node_.edges[i].out];
  }  // needs(i) only
  const Attrs& attrs() const;
  Node& node() { return node_; }

  // Adds `value` to the gradient of input i, summed to its shape and cast to its dtype (the real
  // part for a real operand). Does nothing when the gradient is not needed.
  void grad(int i, ArrayRef value);

  // The same for a gradient that is a sparse array of Python; false when input i takes none.
  bool grad_sparse(int i, PyObject* value);

  // A saved array with the history it had: what in() and out() return.
  static ArrayRef revive(Array* saved, const Edge& edge);

 private:
  static ArrayRef revive(const NumberNode& node, int value, Edge edge);

  Node& node_;
  tape::Cotangent* cotangents_;
  const int32_t* targets_;
  tape::Cotangent* sums_;
  SparseParts* sparse_;
};

}  // namespace mp
