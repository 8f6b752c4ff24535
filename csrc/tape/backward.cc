#include "tape/backward.h"

#include <algorithm>

#include "core/arena.h"
#include "ops/api.h"
#include "tape/errors.h"
#include "tape/tape.h"
#include "tape/view.h"

namespace mp::tape {
namespace {

uint64_t current_mark = 0;

constexpr const char* kNotInGraph =
    "Cannot differentiate node because it is not in a computational graph. You need to set "
    "is_recording to true or "
    "use autograd.record() to save computational graphs for backward. If you want to differentiate "
    "the same graph "
    "twice, you need to pass retain_graph=True to backward.";

[[noreturn]] void fail(const char* text) {
  PyErr_SetString(mxnet_error(), text);
  throw PythonError{};
}

class Pass {
 public:
  Pass(std::span<const Edge> heads, std::span<const Edge> targets, BackwardOptions options)
      : heads_(heads), targets_(targets), options_(options) {
    order_.reserve(16);
    for (const Edge& e : heads)
      if (!e || e.node->consumed) fail(kNotInGraph);
    collect();
    resolve();
  }

  void seed(std::span<const ArrayRef> head_grads);
  void sweep();
  std::vector<ArrayRef> results() { return std::move(results_); }

 private:
  void collect();
  void resolve();
  bool wanted(const Node* n) const;
  void take_results(size_t k);
  void store_sparse(Node* n, const ArrayRef& dense);
  void run_rule(size_t k);
  bool add_view(size_t k, Node* n);
  void consume(Node* n);

  std::span<const Edge> heads_, targets_;
  BackwardOptions options_;
  Arena<2048> arena_;
  ArenaVector<Node*> order_{arena_.get()};  // newest first
  ArenaVector<size_t> first_sum_{
      arena_.get()};  // per node: where its outputs' cotangents are in sums_
  ArenaVector<size_t> first_edge_{arena_.get()};  // per node: where its inputs are in edge_sum_
  ArenaVector<int64_t> edge_sum_{
      arena_.get()};  // per input: index into sums_, or -1 when nobody wants the gradient
  ArenaVector<uint8_t> useful_{arena_.get()};  // per node: it is wanted, or leads to one that is
  ArenaVector<ArrayRef> sums_{arena_.get()};
  ArenaVector<uint8_t> owned_{
      arena_.get()};  // per sum: a buffer made here, that may be added to in place
  ArenaVector<size_t> head_sum_{arena_.get()}, target_sum_{arena_.get()};
  std::vector<ArrayRef> results_;
  SparseParts sparse_;
};

void sort_newest_first(ArenaVector<Node*>& nodes) {
  auto newer = [](const Node* a, const Node* b) { return a->seq > b->seq; };
  if (nodes.empty() || std::is_sorted(nodes.begin(), nodes.end(), newer)) return;
  uint64_t lowest = UINT64_MAX, highest = 0;
  for (const Node* n : nodes) {
    lowest = std::min(lowest, n->seq);
    highest = std::max(highest, n->seq);
  }
  if (highest - lowest > 4 * nodes.size()) return std::sort(nodes.begin(), nodes.end(), newer);
  // Numbers of one computation are nearly without gaps: each node has a place.
  ArenaVector<Node*> places(highest - lowest + 1, nullptr, nodes.get_allocator());
  for (Node* n : nodes) places[highest - n->seq] = n;
  std::copy_if(places.begin(), places.end(), nodes.begin(), [](Node* n) { return n != nullptr; });
}

// Gathers the nodes below the heads. Nodes older than every target cannot lead to one.
void Pass::collect() {
  uint64_t oldest = 0;
  if (!targets_.empty()) {
    oldest = UINT64_MAX;
    for (const Edge& t : targets_)
      if (t) oldest = std::min(oldest, t.node->seq);
  }
  const uint64_t mark = ++current_mark;
  auto visit = [&](Node* n) {
    if (!n || n->mark == mark || n->seq < oldest) return;
    n->mark = mark;
    order_.push_back(n);
  };
  for (const Edge& h : heads_) visit(h.node.get());
  for (size_t k = 0; k < order_.size(); ++k)
    for (const Edge& e : order_[k]->inputs()) visit(e.node.get());
  sort_newest_first(order_);
}

bool Pass::wanted(const Node* n) const {
  if (targets_.empty())
    return n->op == &op_leaf && static_cast<const LeafExtra&>(*n->extra).req != kReqNull;
  return std::any_of(targets_.begin(), targets_.end(),
                     [&](const Edge& t) { return t.node.get() == n; });
}

// Fixes, before any rule runs (a rule may start a pass of its own), which sum each input adds to.
void Pass::resolve() {
  const size_t count = order_.size();
  first_sum_.resize(count);
  first_edge_.resize(count);
  useful_.resize(count);
  size_t sums = 0, edges = 0;
  for (size_t k = 0; k < count; ++k) {
    order_[k]->slot = static_cast<int64_t>(k);
    first_sum_[k] = sums;
    first_edge_[k] = edges;
    sums += order_[k]->nout;
    edges += order_[k]->nin;
  }
  sums_.resize(sums);
  owned_.resize(sums);
  edge_sum_.assign(edges, -1);
  for (size_t k = count; k-- > 0;) {
    Node* n = order_[k];
    bool leads = wanted(n);
    for (uint32_t i = 0; i < n->nin; ++i) {
      const Edge& e = n->edges[i];
      if (!e || e.node->mark != current_mark || !useful_[e.node->slot]) continue;
      edge_sum_[first_edge_[k] + i] = static_cast<int64_t>(first_sum_[e.node->slot] + e.out);
      leads = true;
    }
    useful_[k] = leads;
  }
  auto sum_of = [&](const Edge& e) { return first_sum_[e.node->slot] + e.out; };
  for (const Edge& h : heads_)
    head_sum_.push_back(h.node->mark == current_mark ? sum_of(h) : SIZE_MAX);
  for (const Edge& t : targets_)
    target_sum_.push_back(t && t.node->mark == current_mark ? sum_of(t) : SIZE_MAX);
  results_.resize(targets_.size());
}

void Pass::seed(std::span<const ArrayRef> head_grads) {
  static Ufunc* add = find_ufunc("add");
  bool any = false;
  for (size_t i = 0; i < heads_.size(); ++i) {
    if (head_sum_[i] == SIZE_MAX || !useful_[heads_[i].node->slot]) continue;
    any = true;
    const Meta& meta = heads_[i].node->outs[heads_[i].out];
    ArrayRef g = head_grads[i];
    if (!g) g = api::full(meta.dtype, meta.shape.span(), 1.0);
    if (g->dtype != meta.dtype) g = api::astype(g, meta.dtype);
    ArrayRef& sum = sums_[head_sum_[i]];
    sum = sum ? api::binary(add, sum, g) : g;
  }
  if (!any && targets_.empty())
    fail("There are no inputs in computation graph that require gradients.");
}

void Pass::take_results(size_t k) {
  for (size_t t = 0; t < targets_.size(); ++t)
    if (targets_[t].node.get() == order_[k]) results_[t] = sums_[target_sum_[t]];
}

// Whether nobody else can see the array or its bytes.
bool is_private(const ArrayRef& a) {
  return Py_REFCNT(a.object()) == 1 && a->storage->refs == 1 && !a->base && !a->storage->saved &&
         !(a->storage->flags & kStorageExported) && a->writeable() && !(a->flags & kScalar);
}

// A gradient that nobody holds takes the place of a buffer that nobody holds; else it is copied.
void store_leaf(LeafExtra& leaf, ArrayRef& g) {
  static Ufunc* add = find_ufunc("add");
  RecordingScope off(false);
  leaf.fresh = true;
  if (leaf.req == kReqAdd) return api::assign(leaf.grad, api::binary(add, leaf.grad, g));
  const Array *to = leaf.grad.get(), *from = g.get();
  if (is_private(leaf.grad) && is_private(g) && !g->tape && to->dtype == from->dtype &&
      to->ndim == from->ndim && std::equal(to->shape, to->shape + to->ndim, from->shape) &&
      from->c_contiguous() && Py_TYPE(g.object()) == Py_TYPE(leaf.grad.object()))
    leaf.grad = std::move(g);
  else
    api::assign(leaf.grad, g);
}

// Gives a sparse gradient what the pass found for it: parts by rows, and a dense sum or None.
void Pass::store_sparse(Node* n, const ArrayRef& dense) {
  auto& leaf = static_cast<LeafExtra&>(*n->extra);
  PyRef parts(PyList_New(0));
  for (auto& [node, part] : sparse_)
    if (node == n && PyList_Append(parts.get(), part.get()) < 0) throw PythonError{};
  if (!dense && PyList_GET_SIZE(parts.get()) == 0) return;
  RecordingScope off(false);
  leaf.fresh = true;
  PyRef(PyObject_CallMethod(leaf.sparse.get(), "_receive", "OOO", parts.get(),
                            dense ? dense.object() : Py_None,
                            leaf.req == kReqAdd ? Py_True : Py_False));
}

// Gradients of many slices of one array add up in one buffer instead of one array of zeros each.
bool Pass::add_view(size_t k, Node* n) {
  if (n->op != &op_view || options_.create_graph) return false;
  const int64_t target = edge_sum_[first_edge_[k]];
  ArrayRef& sum = sums_[target];
  if (!sum || !owned_[target]) return false;
  return view_scatter_add(sum.get(), sums_[first_sum_[k]],
                          static_cast<const ViewExtra&>(*n->extra));
}

void Pass::run_rule(size_t k) {
  Node* n = order_[k];
  if (n->consumed) fail(kNotInGraph);
  if (!n->op->vjp) {
    PyErr_Format(mxnet_error(),
                 "Operator %s is non-differentiable: it has no gradient rule. Define one with "
                 "minpy.defgrad, or call it outside autograd.record().",
                 n->op->name);
    throw PythonError{};
  }
  if (add_view(k, n)) return;
  const int64_t* edge_sums = edge_sum_.data() + first_edge_[k];
  const bool fresh_view = n->op == &op_view && !sums_[edge_sums[0]];
  const bool arrays_only = !targets_.empty() || options_.create_graph;
  Vjp v(*n, sums_.data() + first_sum_[k], edge_sums, sums_, arrays_only ? nullptr : &sparse_);
  n->op->vjp(v);
  // The first slice's gradient is a fresh block, unless the view was the whole array (then it may
  // be g itself).
  if (fresh_view && sums_[edge_sums[0]])
    owned_[edge_sums[0]] = sums_[edge_sums[0]]->storage != sums_[first_sum_[k]]->storage;
}

void Pass::consume(Node* n) {
  if (options_.retain_graph || options_.create_graph) return;
  bool had_saved = n->op->saves;
  node_release_saved(n);
  if (n->extra) had_saved |= n->extra->release_saved();
  n->consumed = had_saved;
}

void Pass::sweep() {
  RecordingScope scope(options_.create_graph);
  for (size_t k = 0; k < order_.size(); ++k) {
    Node* n = order_[k];
    if (!useful_[k]) continue;
    auto sums = std::span(sums_).subspan(first_sum_[k], n->nout);
    if (n->op == &op_leaf && targets_.empty() && static_cast<LeafExtra&>(*n->extra).sparse.get()) {
      store_sparse(n, sums[0]);
      sums[0] = {};
      continue;
    }
    if (std::none_of(sums.begin(), sums.end(), [](const ArrayRef& a) { return bool(a); })) continue;
    if (targets_.empty()) {
      if (n->op == &op_leaf) store_leaf(static_cast<LeafExtra&>(*n->extra), sums[0]);
    } else {
      take_results(k);
    }
    auto inputs = std::span(edge_sum_).subspan(first_edge_[k], n->nin);
    if (std::any_of(inputs.begin(), inputs.end(), [](int64_t s) { return s >= 0; })) {
      run_rule(k);
      consume(n);
    }
    for (ArrayRef& a : sums) a = {};
  }
  if (options_.retain_graph || options_.create_graph) return;
  for (const Edge& h : heads_)
    if (h.node->op != &op_leaf && h.node->op != &op_view) h.node->consumed = true;
}

}  // namespace

std::vector<ArrayRef> backward(std::span<const Edge> heads, std::span<const ArrayRef> head_grads,
                               std::span<const Edge> targets, BackwardOptions options) {
  Pass pass(heads, targets, options);
  pass.seed(head_grads);
  pass.sweep();
  return pass.results();
}

}  // namespace mp::tape
