#include "graph/node.h"

#include <cstdlib>
#include <new>

namespace mp {
namespace {

// Memory for nodes of one kind. The first kKept stay for ever, in a free list; a tape that is
// longer takes the others from the system and gives them back. Free nodes are constructed, and hold
// nothing; `edges` links them.
template <class T>
class Pool {
 public:
  T* take() {
    if (!free_) [[unlikely]]
      return extend();
    return std::exchange(free_, next(free_));
  }
  void give(T* n) {
    if (!n->pooled) [[unlikely]] {
      n->~T();
      return std::free(n);
    }
    n->edges = reinterpret_cast<Edge*>(std::exchange(free_, n));
  }

 private:
  static constexpr size_t kKept = 4096, kChunk = 32;

  static T* next(const T* n) { return reinterpret_cast<T*>(n->edges); }
  static T* allocate(size_t count, bool pooled) {
    const size_t bytes = (count * sizeof(T) + 63) / 64 * 64;
    T* nodes = static_cast<T*>(std::aligned_alloc(64, bytes));
    if (!nodes) throw std::bad_alloc();
    for (size_t i = 0; i < count; ++i) (new (nodes + i) T())->pooled = pooled;
    return nodes;
  }
  __attribute__((noinline)) T* extend() {
    if (kept_ >= kKept) return allocate(1, false);
    T* chunk = allocate(kChunk, true);
    for (size_t i = kChunk; i-- > 1;) give(chunk + i);
    kept_ += kChunk;
    return chunk;
  }

  T* free_ = nullptr;
  size_t kept_ = 0;
};

Pool<ArrayNode> array_nodes;
Pool<NumberNode> number_nodes;
// Nodes whose last reference went while another node was being freed, linked by `mark`.
Node* dying = nullptr;
bool freeing = false;
uint64_t next_seq = 1;
Meta number_metas[] = {{DType::F32, {}}, {DType::F64, {}}};

void start(Node* n, const OpDef& op, size_t nin, size_t nout) {
  n->op = &op;
  n->refs = 1;
  n->seq = next_seq++;
  n->mark = 0;
  n->consumed = false;
  n->nin = static_cast<uint32_t>(nin);
  n->nout = static_cast<uint32_t>(nout);
}

inline void queue(Node* n) { n->mark = reinterpret_cast<uintptr_t>(std::exchange(dying, n)); }

void destroy(NumberNode* n) {
  for (Edge& e : n->inline_edges)
    if (Node* input = e.node.release(); input && --input->refs == 0) queue(input);
  number_nodes.give(n);
}

void destroy(ArrayNode* n) {
  if (n->op->saves) node_release_saved(n);
  if (n->extra) n->extra.reset();
  for (Edge& e : n->inputs()) e.node = {};
  if (n->edges != n->inline_edges) delete[] n->edges;
  if (n->outs != &n->inline_out) delete[] n->outs;
  n->inline_out.shape.assign(nullptr, 0);
  array_nodes.give(n);
}

void destroy(Node* n) {
  if (n->is_number())
    destroy(static_cast<NumberNode*>(n));
  else
    destroy(static_cast<ArrayNode*>(n));
}

}  // namespace

ArrayNode* node_new(const OpDef& op, size_t nin, size_t nout) {
  assert(__builtin_popcount(op.saves) <= ArrayNode::kInlineSaved);
  ArrayNode* n = array_nodes.take();
  start(n, op, nin, nout);
  n->edges = nin <= ArrayNode::kInlineEdges ? n->inline_edges : new Edge[nin];
  n->outs = nout <= 1 ? &n->inline_out : new Meta[nout];
  return n;
}

NumberNode* number_node_new(const OpDef& op, size_t nin, DType dtype) {
  assert(nin <= NumberNode::kMaxInputs);
  NumberNode* n = number_nodes.take();
  start(n, op, nin, 1);
  n->number = dtype;
  n->edges = n->inline_edges;
  n->outs = &number_metas[dtype == DType::F64];
  return n;
}

void node_renumber(Node* node) { node->seq = next_seq++; }

void node_set_out(Node* node, size_t i, const Array* a) {
  assert(!node->is_number());
  node->outs[i].dtype = a->dtype;
  node->outs[i].shape.assign(a->shape, a->ndim);
}

void node_release_saved(Node* node) {
  if (node->is_number()) return;
  for (Saved& s : static_cast<ArrayNode*>(node)->saved) saved_release(s);
}

// A chain of a million operations dies one node at a time: freeing a node drops references to its
// inputs' nodes, directly or through saved arrays, and those queue up here instead of recursing.
void node_free(Node* node) {
  if (freeing) {
    queue(node);
    return;
  }
  freeing = true;
  destroy(node);
  while (Node* next = dying) {
    dying = reinterpret_cast<Node*>(next->mark);
    destroy(next);
  }
  freeing = false;
}

}  // namespace mp
