// Node: one operator application in the functional graph. The tape is made of Nodes; so will be the traced
// graph of hybridize and Symbol. Edges point from a node to the nodes that produced its inputs.
// Invariants: `seq` grows with creation, so a node's inputs have smaller numbers; destruction is iterative.
#pragma once
#include <cstdint>
#include <utility>

namespace mp {

struct Node;
void node_free(Node*);
int64_t& node_refs(Node*);

class NodeRef {
 public:
  NodeRef() = default;
  static NodeRef steal(Node* p) { NodeRef r; r.p_ = p; return r; }
  static NodeRef borrow(Node* p) { if (p) ++node_refs(p); return steal(p); }
  NodeRef(const NodeRef& o) : p_(o.p_) { if (p_) ++node_refs(p_); }
  NodeRef(NodeRef&& o) noexcept : p_(std::exchange(o.p_, nullptr)) {}
  NodeRef& operator=(NodeRef o) noexcept { std::swap(p_, o.p_); return *this; }
  ~NodeRef() { if (p_ && --node_refs(p_) == 0) node_free(p_); }
  Node* get() const { return p_; }
  Node* operator->() const { return p_; }
  explicit operator bool() const { return p_ != nullptr; }
  Node* release() { return std::exchange(p_, nullptr); }

 private:
  Node* p_ = nullptr;
};

}  // namespace mp
