#include "tape/vjp.h"

#include <cstring>

#include "ops/api.h"
#include "tape/tape.h"

namespace mp {
namespace {

// The real part of a complex value, as a recorded view.
ArrayRef real_part(const ArrayRef& a) {
  DType part = a->dtype == DType::C64 ? DType::F32 : DType::F64;
  return check(array_view(a.get(), part, a->ndim, a->shape, a->strides, a->offset));
}

}  // namespace

const ArrayRef& Vjp::g(int i) {
  tape::Cotangent& g = cotangents_[i];
  if (!g) g.set(api::zeros(node_.outs[i].dtype, node_.outs[i].shape.span()));
  return g.array();
}

const Attrs& Vjp::attrs() const {
  static const Attrs none;
  return node_.extra ? static_cast<const AttrsExtra&>(*node_.extra).attrs : none;
}

ArrayRef Vjp::revive(Array* saved, const Edge& edge) {
  if (!tape::state.recording || tape::edge_of(saved) == edge) return ArrayRef::borrow(saved);
  ArrayRef a = check(array_alias(saved));
  if (edge && is_inexact(a->dtype)) tape::set_edge(a.get(), edge);
  return a;
}

// An operand or the result of a NumberNode.
ArrayRef Vjp::revive(const NumberNode& node, int value, Edge edge) {
  ArrayRef a = check(array_new_number(node.number));
  std::memcpy(a->bytes(), &node.values[value], static_cast<size_t>(itemsize(node.number)));
  if (tape::state.recording && edge) tape::set_edge(a.get(), std::move(edge));
  return a;
}

ArrayRef Vjp::in(int i) {
  if (node_.is_number()) return revive(as_number_node(node_), i, node_.edges[i]);
  return revive(as_array_node(node_).saved_for(kSaveIn0 << i).array, node_.edges[i]);
}

ArrayRef Vjp::out(int i) {
  Edge edge{NodeRef::borrow(&node_), static_cast<uint32_t>(i)};
  if (node_.is_number()) return revive(as_number_node(node_), NumberNode::kResult, std::move(edge));
  return revive(as_array_node(node_).saved_for(kSaveOut0 << i).array, edge);
}

bool Vjp::grad_sparse(int i, PyObject* value) {
  Node* target = node_.edges[i].node.get();
  if (!sparse_ || target->op != &tape::op_leaf) return false;
  if (!static_cast<const tape::LeafExtra&>(*target->extra).sparse.get()) return false;
  sparse_->emplace_back(target, PyRef(Py_NewRef(value)));
  return true;
}

void Vjp::grad(int i, ArrayRef value) {
  if (!needs(i)) return;
  const Meta& meta = in_meta(i);
  if (!meta.shape.equals(value->shape, value->ndim)) value = api::sum_to(value, meta.shape.span());
  if (value->dtype != meta.dtype) {
    if (is_complex(value->dtype) && !is_complex(meta.dtype)) value = real_part(value);
    value = api::astype(value, meta.dtype);
  }
  sums_[targets_[i]].add(std::move(value));
}

}  // namespace mp
