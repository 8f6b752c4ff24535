#include "graph/node.h"

#include <cassert>
#include <vector>

namespace mp {
namespace {

constexpr size_t kFreeListSize = 4096;
std::vector<Node*> free_list;
std::vector<Node*> dying;  // nodes whose last reference went while another node was being freed
bool freeing = false;
uint64_t next_seq = 1;

void destroy(Node* n) {
  if (n->op->saves) node_release_saved(n);
  if (n->extra) n->extra.reset();
  for (Edge& e : n->inputs()) e.node = {};
  if (n->edges != n->inline_edges) delete[] n->edges;
  if (n->outs != &n->inline_out) delete[] n->outs;
  if (free_list.size() < kFreeListSize) {
    n->inline_out.shape.assign(nullptr, 0);
    free_list.push_back(n);
  } else {
    delete n;
  }
}

}  // namespace

Node* node_new(const OpDef& op, size_t nin, size_t nout) {
  assert(__builtin_popcount(op.saves) <= Node::kInlineSaved);
  Node* n;
  if (free_list.empty()) {
    free_list.reserve(kFreeListSize);
    n = new Node();
  } else {
    n = free_list.back();
    free_list.pop_back();
  }
  n->op = &op;
  n->refs = 1;
  n->seq = next_seq++;
  n->mark = 0;
  n->consumed = false;
  n->nin = static_cast<uint32_t>(nin);
  n->nout = static_cast<uint32_t>(nout);
  n->edges = nin <= Node::kInlineEdges ? n->inline_edges : new Edge[nin];
  n->outs = nout <= 1 ? &n->inline_out : new Meta[nout];
  return n;
}

void node_renumber(Node* node) { node->seq = next_seq++; }

void node_set_out(Node* node, size_t i, const Array* a) {
  node->outs[i].dtype = a->dtype;
  node->outs[i].shape.assign(a->shape, a->ndim);
}

void node_release_saved(Node* node) {
  for (Saved& s : node->saved) saved_release(s);
}

// A chain of a million operations dies one node at a time: freeing a node drops references to its
// inputs' nodes, directly or through saved arrays, and those queue up here instead of recursing.
void node_free(Node* node) {
  if (freeing) {
    dying.push_back(node);
    return;
  }
  freeing = true;
  destroy(node);
  while (!dying.empty()) {
    Node* next = dying.back();
    dying.pop_back();
    destroy(next);
  }
  freeing = false;
}

}  // namespace mp
