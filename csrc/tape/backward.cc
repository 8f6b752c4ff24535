#include "tape/backward.h"

#include <algorithm>
#include <atomic>

#include "core/arena.h"
#include "engine/profiler.h"
#include "ops/api.h"
#include "ops/ufunc.h"
#include "tape/errors.h"
#include "tape/number.h"
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

// A node's place in the pass.
struct Place {
  Node* node = nullptr;     // null: the place is empty
  uint32_t first_sum = 0;   // where its outputs' cotangents are in sums_
  uint32_t first_edge = 0;  // where its inputs are in edge_sum_
  uint32_t waiting = 0;     // inputs of useful nodes that are its outputs and gave nothing yet
  bool useful = false;      // it is a target or leaf that wants its gradient, or leads to one
  bool target = false;
};

class Pass {
 public:
  Pass(std::span<const Edge> heads, std::span<const Edge> targets, BackwardOptions options)
      : heads_(heads),
        targets_(targets),
        options_(options),
        numbers_(!options.create_graph && !profiler::on()) {
    for (const Edge& e : heads)
      if (!e || e.node->consumed) fail(kNotInGraph);
    collect();
    resolve();
  }

  void run(std::span<const ArrayRef> head_grads);
  std::vector<ArrayRef> results() { return std::move(results_); }

 private:
  void seed(std::span<const ArrayRef> head_grads);
  size_t sweep_numbers(std::span<const ArrayRef> head_grads);
  void sweep(size_t first);
  void collect();
  bool collect_by_number(uint64_t oldest);
  void collect_sorted(uint64_t oldest);
  void append(Node* n);
  void give_sums(Place& p);
  void resolve();
  void mark_useful();
  void take_results(const Place& p);
  void store_sparse(Node* n, const ArrayRef& dense);
  void fill_complete_leaves(const Place& p);
  template <class T, bool kChecked>
  bool run_number_rule(const Place& p);
  template <bool kChecked>
  bool run_number(const Place& p);
  void run_rule(const Place& p);
  bool add_view(const Place& p);
  bool keeps_graph() const { return options_.retain_graph || options_.create_graph; }
  void consume(Node* n);

  std::span<const Edge> heads_, targets_;
  BackwardOptions options_;
  bool numbers_;  // NumberNodes pass numbers on
  Arena<32768> arena_;
  ArenaVector<Place> places_{arena_.get()};  // newest first
  uint32_t sum_count_ = 0, edge_count_ = 0;
  ArenaVector<int32_t> edge_sum_{
      arena_.get()};  // per input: index into sums_, or -1 when nobody wants the gradient
  ArenaVector<Cotangent> sums_{arena_.get()};
  ArenaVector<size_t> head_sum_{arena_.get()}, target_sum_{arena_.get()};
  std::vector<ArrayRef> results_;
  SparseParts sparse_;
};

// Gathers the nodes below the heads, and fixes, before any rule runs (a rule may start a pass of
// its own), where their sums are. Nodes older than every target cannot lead to one.
void Pass::collect() {
  uint64_t oldest = 0;
  if (!targets_.empty()) {
    oldest = UINT64_MAX;
    for (const Edge& t : targets_)
      if (t) oldest = std::min(oldest, t.node->seq);
  }
  if (!collect_by_number(oldest)) collect_sorted(oldest);
  sums_.resize(sum_count_);
  edge_sum_.resize(edge_count_);
}

void Pass::give_sums(Place& p) {
  p.first_sum = sum_count_;
  p.first_edge = edge_count_;
  sum_count_ += p.node->nout;
  edge_count_ += p.node->nin;
}

// Numbers of one computation are nearly without gaps, so they are the nodes' slots, of which some
// stay empty; inputs are in later slots. Only old variables, which have no inputs, come at the end
// in any order. False where that does not hold.
bool Pass::collect_by_number(uint64_t oldest) {
  const uint64_t mark = ++current_mark;
  uint64_t newest = 0;
  for (const Edge& h : heads_) newest = std::max(newest, h.node->seq);
  ArenaVector<Node*> old(arena_.get());
  size_t count = 0, end = 0;
  // Above the oldest target there are hardly more nodes than their numbers span.
  places_.resize(targets_.empty() ? 128 : std::clamp<uint64_t>(newest - oldest + 1, 1, 1024));
  Place* places = places_.data();
  size_t room = places_.size();
  auto visit = [&](Node* n) __attribute__((always_inline)) {
    if (!n || n->mark == mark || n->seq < oldest) return true;
    const size_t slot = newest - n->seq;
    if (slot >= room) [[unlikely]] {
      if (slot <= 4 * count + 1024) {
        room = std::max(slot + 1, 2 * room);
        places_.resize(room);
        places = places_.data();
      } else {
        if (n->nin) return false;
        n->mark = mark;
        old.push_back(n);
        return true;
      }
    }
    n->mark = mark;
    n->slot = static_cast<uint32_t>(slot);
    places[slot].node = n;
    end = std::max(end, slot + 1);
    ++count;
    return true;
  };
  for (const Edge& h : heads_)
    if (!visit(h.node.get())) return false;
  for (size_t k = 0; k < end; ++k) {
    Node* n = places[k].node;
    if (!n) continue;
    give_sums(places[k]);
    for (const Edge& e : n->inputs())
      if (!visit(e.node.get())) return false;
  }
  places_.resize(end);
  for (Node* n : old) append(n);
  return true;
}

void Pass::append(Node* n) {
  n->slot = static_cast<uint32_t>(places_.size());
  places_.push_back({n});
  give_sums(places_.back());
}

void Pass::collect_sorted(uint64_t oldest) {
  const uint64_t mark = ++current_mark;
  ArenaVector<Node*> found(arena_.get());
  auto visit = [&](Node* n) {
    if (!n || n->mark == mark || n->seq < oldest) return;
    n->mark = mark;
    found.push_back(n);
  };
  for (const Edge& h : heads_) visit(h.node.get());
  for (size_t k = 0; k < found.size(); ++k)
    for (const Edge& e : found[k]->inputs()) visit(e.node.get());
  std::ranges::sort(found, std::greater{}, &Node::seq);
  places_.clear();
  sum_count_ = edge_count_ = 0;
  for (Node* n : found) append(n);
}

// Finds which sum each input adds to.
void Pass::resolve() {
  mark_useful();
  auto sum_of = [&](const Edge& e) {
    const bool found = e && e.node->mark == current_mark;
    return found ? places_[e.node->slot].first_sum + e.out : SIZE_MAX;
  };
  for (const Edge& h : heads_) head_sum_.push_back(sum_of(h));
  for (const Edge& t : targets_) target_sum_.push_back(sum_of(t));
  results_.resize(targets_.size());
}

void Pass::mark_useful() {
  for (const Edge& t : targets_)
    if (t && t.node->mark == current_mark) places_[t.node->slot].target = true;
  const uint64_t mark = current_mark;
  Place* const places = places_.data();
  for (size_t k = places_.size(); k-- > 0;) {
    Place& p = places[k];
    Node* n = p.node;
    if (!n) continue;
    p.useful = p.target || (targets_.empty() && n->op == &op_leaf &&
                            static_cast<const LeafExtra&>(*n->extra).req != kReqNull);
    int32_t* sums = edge_sum_.data() + p.first_edge;
    for (const Edge& e : n->inputs()) {
      Place* from = e && e.node->mark == mark ? places + e.node->slot : nullptr;
      const bool leads = from && from->useful;
      if (leads) ++from->waiting;
      *sums++ = leads ? static_cast<int32_t>(from->first_sum + e.out) : -1;
      p.useful |= leads;
    }
  }
}

void Pass::seed(std::span<const ArrayRef> head_grads) {
  bool any = false;
  for (size_t i = 0; i < heads_.size(); ++i) {
    Node* n = heads_[i].node.get();
    if (head_sum_[i] == SIZE_MAX || !places_[n->slot].useful) continue;
    any = true;
    const Meta& meta = n->outs[heads_[i].out];
    Cotangent& sum = sums_[head_sum_[i]];
    ArrayRef g = head_grads[i];
    if (!g && !sum && n->is_number() && numbers_) {
      n->number == DType::F32 ? sum.set_number(1.0f) : sum.set_number(1.0);
      continue;
    }
    if (!g) g = api::full(meta.dtype, meta.shape.span(), 1.0);
    if (g->dtype != meta.dtype) g = api::astype(g, meta.dtype);
    sum.add(std::move(g));
  }
  if (!any && targets_.empty())
    fail("There are no inputs in computation graph that require gradients.");
}

void Pass::take_results(const Place& p) {
  for (size_t t = 0; t < targets_.size(); ++t)
    if (targets_[t].node.get() == p.node) results_[t] = sums_[target_sum_[t]].array();
}

// Whether the array is the only one that sees its bytes, all of them.
bool owns_bytes(const ArrayRef& a) {
  return a->storage->refs == 1 && !a->base && !a->tape && !a->storage->saved &&
         !(a->storage->flags & kStorageExported) && a->writeable() && a->c_contiguous() &&
         !(a->flags & kScalar);
}

// A gradient that nobody holds gives its bytes to a buffer whose own nobody else sees; else it is
// copied.
void store_leaf(LeafExtra& leaf, ArrayRef& g) {
  static Ufunc* add = find_ufunc("add");
  RecordingScope off(false);
  leaf.fresh = true;
  if (leaf.req == kReqAdd) return api::assign(leaf.grad, api::binary(add, leaf.grad, g));
  Array *to = leaf.grad.get(), *from = g.get();
  if (Py_REFCNT(g.object()) != 1 || !owns_bytes(g) || !owns_bytes(leaf.grad) ||
      to->dtype != from->dtype || to->ndim != from->ndim ||
      !std::equal(to->shape, to->shape + to->ndim, from->shape))
    return api::assign(leaf.grad, g);
  std::swap(to->storage, from->storage);
  std::swap(to->offset, from->offset);
  g = ArrayRef();  // with the old bytes
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
bool Pass::add_view(const Place& p) {
  if (p.node->op != &op_view || options_.create_graph) return false;
  Cotangent& sum = sums_[edge_sum_[p.first_edge]];
  return sum.private_buffer && view_scatter_add(sum.array().get(), sums_[p.first_sum].array(),
                                                static_cast<const ViewExtra&>(*p.node->extra));
}

// The rule of a NumberNode on numbers. False, and nothing done, when there is none, when what
// flowed in is an array, or, if that is checked, when a flag is up afterwards: the rule on arrays
// reports it. Unchecked, only numbers are touched.
template <class T, bool kChecked>
inline bool Pass::run_number_rule(const Place& p) {
  const auto rule = p.node->op->vjp.for_numbers<T>();
  Cotangent* const all = sums_.data();
  const Cotangent& g = all[p.first_sum];
  if (!rule || !g.is_number()) return false;
  const int32_t* targets = edge_sum_.data() + p.first_edge;
  NumberVjp<T> v(as_number_node(*p.node), g.number<T>(), targets);
  rule(v);
  T sums[NumberNode::kMaxInputs] = {};
  bool arrays = false;
  for (int i = 0; i < NumberNode::kMaxInputs; ++i) {
    const T* value = v.given(i);
    if (!value) continue;
    const Cotangent& sum = all[targets[i]];
    sums[i] = *value;
    if (i && v.given(0) && targets[0] == targets[i])
      sums[i] = sums[0] + *value;
    else if (sum.is_number())
      sums[i] = sum.number<T>() + *value;
    else
      arrays |= bool(sum);
  }
  if constexpr (kChecked) {
    settle(sums);
    if (fp_raised_sse()) return false;
  } else if (arrays) {
    return false;
  }
  for (int i = 0; i < NumberNode::kMaxInputs; ++i) {
    if (!v.given(i)) continue;
    if (!arrays) {
      all[targets[i]].set_number(sums[i]);
    } else {
      Cotangent value;
      value.set_number(*v.given(i));
      all[targets[i]].add(std::move(value.array()));
    }
  }
  return true;
}

template <bool kChecked>
inline bool Pass::run_number(const Place& p) {
  Node* n = p.node;
  if (!n->is_number() || p.target || n->consumed) return false;
  if (!(n->number == DType::F32 ? run_number_rule<float, kChecked>(p)
                                : run_number_rule<double, kChecked>(p)))
    return false;
  n->consumed = !keeps_graph() && n->op->saves;
  return true;
}

// The nodes from the newest on, as long as all that is useful are numbers: the flags are read once,
// after the last. Returns the first place that is left to do; when a flag is up, that is the first
// of all, and nothing has been done.
size_t Pass::sweep_numbers(std::span<const ArrayRef> head_grads) {
  if (fp_raised_sse()) fp_clear();
  number_call_data = cpu::any_flags();
  size_t end = 0;
  for (; end < places_.size(); ++end)
    if (places_[end].useful && !run_number<false>(places_[end])) break;
  number_call_data = nullptr;
  std::atomic_signal_fence(std::memory_order_seq_cst);  // the sums are in memory
  if (!fp_raised_sse()) return end;
  for (size_t k = 0; k < end; ++k)
    if (places_[k].useful) places_[k].node->consumed = false;
  for (Cotangent& c : sums_) c.clear();
  seed(head_grads);
  return 0;
}

void Pass::run_rule(const Place& p) {
  Node* n = p.node;
  if (n->consumed) fail(kNotInGraph);
  if (!n->op->vjp) {
    PyErr_Format(mxnet_error(),
                 "Operator %s is non-differentiable: it has no gradient rule. Define one with "
                 "minpy.defgrad, or call it outside autograd.record().",
                 n->op->name);
    throw PythonError{};
  }
  if (add_view(p)) return;
  const int32_t* targets = edge_sum_.data() + p.first_edge;
  const bool fresh_view = n->op == &op_view && !sums_[targets[0]];
  const bool arrays_only = !targets_.empty() || options_.create_graph;
  Vjp v(*n, sums_.data() + p.first_sum, targets, sums_.data(), arrays_only ? nullptr : &sparse_);
  n->op->vjp(v);
  // The first slice's gradient is a fresh block, unless the view was the whole array (then it may
  // be g itself).
  if (fresh_view && sums_[targets[0]]) {
    Cotangent& sum = sums_[targets[0]];
    sum.private_buffer = sum.array()->storage != sums_[p.first_sum].array()->storage;
  }
}

void Pass::consume(Node* n) {
  if (keeps_graph()) return;
  bool had_saved = n->op->saves;
  node_release_saved(n);
  if (n->extra) had_saved |= n->extra->release_saved();
  n->consumed = had_saved;
}

// Variables whose gradient is complete with the contributions of this node get it at once: until
// the end of the pass it would be in memory beside the buffer's old bytes.
void Pass::fill_complete_leaves(const Place& p) {
  for (uint32_t i = 0; i < p.node->nin; ++i) {
    const int32_t sum = edge_sum_[p.first_edge + i];
    if (sum < 0) continue;
    const Edge& e = p.node->edges[i];
    Place& leaf = places_[e.node->slot];
    if (--leaf.waiting || leaf.node->op != &op_leaf || !sums_[sum]) continue;
    auto& extra = static_cast<LeafExtra&>(*leaf.node->extra);
    if (extra.sparse.get()) continue;
    store_leaf(extra, sums_[sum].array());
    sums_[sum].clear();
  }
}

void Pass::sweep(size_t first) {
  RecordingScope scope(options_.create_graph);
  const bool fills = targets_.empty();
  for (const Place& p : std::span(places_).subspan(first)) {
    if (!p.useful || (numbers_ && run_number<true>(p))) continue;
    Node* n = p.node;
    auto sums = std::span(sums_).subspan(p.first_sum, n->nout);
    if (n->op == &op_leaf && fills && static_cast<LeafExtra&>(*n->extra).sparse.get()) {
      store_sparse(n, sums[0].array());
      sums[0].clear();
      continue;
    }
    if (std::any_of(sums.begin(), sums.end(), [](const Cotangent& c) { return bool(c); })) {
      if (p.target) take_results(p);
      if (n->op == &op_leaf && fills)
        store_leaf(static_cast<LeafExtra&>(*n->extra), sums[0].array());
      auto inputs = std::span(edge_sum_).subspan(p.first_edge, n->nin);
      if (std::any_of(inputs.begin(), inputs.end(), [](int32_t s) { return s >= 0; })) {
        run_rule(p);
        consume(n);
      }
      for (Cotangent& c : sums) c.clear();
    }
    if (fills) fill_complete_leaves(p);
  }
  if (keeps_graph()) return;
  for (const Edge& h : heads_)
    if (h.node->op != &op_leaf && h.node->op != &op_view) h.node->consumed = true;
}

void Pass::run(std::span<const ArrayRef> head_grads) {
  seed(head_grads);
  sweep(numbers_ ? sweep_numbers(head_grads) : 0);
}

}  // namespace

std::vector<ArrayRef> backward(std::span<const Edge> heads, std::span<const ArrayRef> head_grads,
                               std::span<const Edge> targets, BackwardOptions options) {
  Pass pass(heads, targets, options);
  pass.run(head_grads);
  return pass.results();
}

}  // namespace mp::tape
