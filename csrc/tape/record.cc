// Recording: the functions that operators call, see tape.h.
#include <vector>

#include "tape/errors.h"
#include "tape/tape.h"
#include "tape/view.h"

namespace mp::tape {

constinit thread_local State state;

const OpDef op_leaf{.name = "variable"};

namespace {

const OpDef op_identity{.name = "identity", .vjp = [](Vjp& v) { v.grad(0, v.g()); }};

// What the tape keeps of an input: the array, unless it is a view. A view keeps its root alive, and
// the root's history may come to include the node that saves the view (y[1] = f(y[0])): a cycle.
Array* keepable(Array* a) {
  if (a->base) return array_alias(a);
  Py_INCREF(reinterpret_cast<PyObject*>(a));
  return a;
}

}  // namespace

void set_edge(Array* a, Edge edge) {
  if (a->base) a->flags |= kDetached;
  if (!a->tape) make_info(a);
  a->tape->edge = std::move(edge);
  a->tape->source = {};
}

Edge edge_of_view(Array* view, Array* root) {
  const Edge& source = root->tape->edge;
  if (!source) return {};
  if (array_same_view(view, root)) return source;
  if (!is_inexact(view->dtype)) return {};
  if (!view->tape) make_info(view);
  if (!(view->tape->source == source)) {
    view->tape->edge = {make_view_node(source, root, view)};
    view->tape->source = source;
  }
  return view->tape->edge;
}

NodeRef begin_slow(const OpDef& op, std::span<Array* const> ins, Attrs&& attrs) {
  ArrayNode* made = node_new(op, ins.size());
  NodeRef node = NodeRef::steal(made);
  bool any = false;
  for (size_t i = 0; i < ins.size(); ++i) {
    if (!ins[i]) continue;
    node->edges[i] = edge_of(ins[i]);
    any |= bool(node->edges[i]);
  }
  if (!any) return {};
  node_renumber(node.get());
  for (size_t i = 0; i < ins.size() && (op.saves & kSaveInputs) >> i; ++i)
    if (uint8_t bit = kSaveIn0 << i;
        (op.saves & bit) && ins[i] && (!op.crosswise || node->edges[1 - i]))
      saved_link(made->saved_for(bit), keepable(ins[i]));
  if (!attrs.empty()) node->extra = std::make_unique<AttrsExtra>(std::move(attrs));
  return node;
}

int before_write_slow(Array* target) {
  if (state.recording && leaf_of(tape_root(target))) {
    PyErr_SetString(mxnet_error(),
                    "Assigning to NDArrays that are already in a computational graph will cause "
                    "undefined behavior "
                    "when evaluating gradients. Please call backward first to clear the graph or "
                    "do this out side of "
                    "a record section. Also note that you cannot use inplace operations like +=, "
                    "*=, relu(x, out=x), "
                    "y[idx]=x, etc inside a record section.");
    return -1;
  }
  ++target->storage->version;
  return target->storage->saved ? saved_snapshot(target) : 0;
}

// Saves the outputs that the rule needs. They are kept without their node, else it would hold
// itself alive.
static int save_outputs(Node* node, std::span<Array* const> outs) {
  for (size_t i = 0; i < outs.size() && i < 2; ++i) {
    uint8_t bit = kSaveOut0 << i;
    if (!node->saves(bit)) continue;
    Array* alias = array_alias(outs[i]);
    if (!alias) return -1;
    saved_link(as_array_node(*node).saved_for(bit), alias);
  }
  return 0;
}

int finish_slow(const NodeRef& node, std::span<Array* const> outs) {
  if (outs.size() != 1) {
    node->nout = static_cast<uint32_t>(outs.size());
    node->outs = new Meta[outs.size()];
  }
  bool any = false;
  for (size_t i = 0; i < outs.size(); ++i) {
    node_set_out(node.get(), i, outs[i]);
    if (!is_inexact(outs[i]->dtype)) continue;  // integers have no gradient
    set_edge(outs[i], {node, static_cast<uint32_t>(i)});
    any = true;
  }
  return any ? save_outputs(node.get(), outs) : 0;
}

int finish_write_slow(const NodeRef& node, Array* target) {
  NodeRef value = is_inexact(target->dtype) ? node : NodeRef();
  if (value) {
    node_set_out(value.get(), 0, target);
    if (save_outputs(value.get(), {&target, 1}) < 0) return -1;
  }
  Array* root = tape_root(target);
  if (root == target || array_same_view(root, target)) {
    set_edge(root, {value});
    return 0;
  }
  Edge before = root->tape ? root->tape->edge : Edge{};
  if (!before && !value) return 0;
  set_edge(root, {make_set_view_node(before, {value}, root, target)});
  return 0;
}

int before_relayout(Array* a) { return a->storage->saved ? saved_snapshot(a) : 0; }

void finish_relayout(Array* a, const Array* before) {
  if (!a->tape || !a->tape->edge) return;
  if (tape_root(a) != a) {  // the cached View node has the former layout
    a->tape->source = {};
    return;
  }
  set_edge(a, {make_view_node(a->tape->edge, const_cast<Array*>(before), a)});
}

LeafExtra* leaf_of(Array* a) {
  if (!a->tape || tape_root(a) != a) return nullptr;
  Node* n = a->tape->edge.node.get();
  return n && n->op == &op_leaf ? static_cast<LeafExtra*>(n->extra.get()) : nullptr;
}

int attach_grad(Array* a, ArrayRef grad, int req) {
  if (!is_inexact(a->dtype)) {
    PyErr_Format(PyExc_TypeError,
                 "gradients exist for real and complex arrays only, this one has dtype %s: convert "
                 "it first, as in "
                 "x.astype(float)",
                 kDTypeName[index(a->dtype)]);
    return -1;
  }
  NodeRef node = NodeRef::steal(node_new(op_leaf, 0));
  node_set_out(node.get(), 0, a);
  auto leaf = std::make_unique<LeafExtra>();
  leaf->grad = std::move(grad);
  leaf->req = req;
  node->extra = std::move(leaf);
  set_edge(a, {node});
  return 0;
}

ArrayRef detach(Array* a) {
  ArrayRef view = check(array_view(a, a->dtype, a->ndim, a->shape, a->strides, a->offset));
  view->flags |= kDetached | (a->flags & kScalar);
  return view;
}

ArrayRef make_variable(Array* a) {
  ArrayRef v = detach(a);
  NodeRef node = NodeRef::steal(node_new(op_identity, 1));
  if (state.recording) node->edges[0] = edge_of(a);
  node_renumber(node.get());
  node_set_out(node.get(), 0, a);
  set_edge(v.get(), {node});
  return v;
}

}  // namespace mp::tape
