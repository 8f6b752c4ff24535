// Node: one operator application in the functional graph. The tape is made of Nodes; so will be the
// traced graph of hybridize and Symbol. Edges point from a node to the nodes that produced its
// inputs. Invariants: `seq` grows with creation, so a node's inputs have smaller numbers; a node
// never holds an array that holds the node; destruction is iterative (Note [The tape frees without
// recursion]). A node is an ArrayNode, or a NumberNode where operands and result are single real
// numbers (Note [Numbers on the tape]). Needs the GIL.
#pragma once
#include <cassert>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

#include "core/shape.h"
#include "ops/op.h"
#include "tape/saved.h"

namespace mp {

struct Node;
void node_free(Node*);

class NodeRef {
 public:
  NodeRef() = default;
  static NodeRef steal(Node* p) {
    NodeRef r;
    r.p_ = p;
    return r;
  }
  static inline NodeRef borrow(Node* p);
  inline NodeRef(const NodeRef& o);
  NodeRef(NodeRef&& o) noexcept : p_(std::exchange(o.p_, nullptr)) {}
  NodeRef& operator=(NodeRef o) noexcept {
    std::swap(p_, o.p_);
    return *this;
  }
  inline ~NodeRef();
  Node* get() const { return p_; }
  Node* operator->() const { return p_; }
  explicit operator bool() const { return p_ != nullptr; }
  Node* release() { return std::exchange(p_, nullptr); }

 private:
  Node* p_ = nullptr;
};

// One output of a node. Null: a constant.
struct Edge {
  NodeRef node;
  uint32_t out = 0;
  explicit operator bool() const { return bool(node); }
  bool operator==(const Edge& o) const { return node.get() == o.node.get() && out == o.out; }
};

struct Meta {  // what is known of a node's output without its value
  DType dtype = DType::Invalid;
  Shape shape;
};

struct NodeExtra {  // whatever only some nodes need: attributes, a view's layout, a leaf's
                    // gradient, a Python rule
  virtual ~NodeExtra() = default;
  virtual bool release_saved() {
    return false;
  }  // frees saved values after a pass; whether there were any
};
struct AttrsExtra final : NodeExtra {
  explicit AttrsExtra(Attrs a) : attrs(std::move(a)) {}
  Attrs attrs;
};

struct Node {
  const OpDef* op;
  int64_t refs;
  uint64_t seq;
  uint64_t mark;                  // the backward pass that visited the node last ...
  uint32_t slot;                  // ... and the node's place in it
  bool consumed;                  // saved values were freed by a backward pass
  bool pooled;                    // the memory goes back to its pool, not to the system
  DType number = DType::Invalid;  // of a NumberNode: F32 or F64
  uint32_t nin;
  uint32_t nout;
  Edge* edges;  // nin entries
  Meta* outs;   // nout entries
  std::unique_ptr<NodeExtra> extra;

  std::span<Edge> inputs() { return {edges, nin}; }
  bool is_number() const { return number != DType::Invalid; }
  bool saves(uint8_t bit) const { return op->saves & bit; }
};

struct ArrayNode : Node {
  static constexpr int kInlineEdges = 3;
  static constexpr int kInlineSaved = 3;

  Saved saved[kInlineSaved];
  Edge inline_edges[kInlineEdges];
  Meta inline_out;

  // The record of a value that op->saves names; records are in the order of the bits.
  Saved& saved_for(uint8_t bit) {
    int before = 0;  // a loop of at most five: the baseline instruction set has no bit count
    for (unsigned others = op->saves & (bit - 1u); others; others &= others - 1) ++before;
    return saved[before];
  }
};

// Two lines of the cache: operands and result are kept as values, not as arrays.
struct NumberNode : Node {
  static constexpr int kMaxInputs = 2;
  static constexpr int kResult = kMaxInputs;  // where the result is among the values

  Edge inline_edges[kMaxInputs];
  uint64_t values[kMaxInputs + 1];  // the first bytes of each: a float or a double

  template <class T>
  T value(int i) const {
    T v;
    std::memcpy(&v, &values[i], sizeof v);
    return v;
  }
  template <class T>
  void set_value(int i, T v) {
    std::memcpy(&values[i], &v, sizeof v);
  }
};
static_assert(sizeof(NumberNode) == 128);

inline ArrayNode& as_array_node(Node& n) {
  assert(!n.is_number());
  return static_cast<ArrayNode&>(n);
}
inline NumberNode& as_number_node(Node& n) {
  assert(n.is_number());
  return static_cast<NumberNode&>(n);
}

ArrayNode* node_new(const OpDef& op, size_t nin, size_t nout = 1);
NumberNode* number_node_new(const OpDef& op, size_t nin, DType dtype);  // F32 or F64
void node_renumber(
    Node* node);  // after edges were added to nodes that are younger (views make theirs on demand)
void node_set_out(Node* node, size_t i, const Array* a);  // fills outs[i] of an ArrayNode
void node_release_saved(Node* node);

inline NodeRef NodeRef::borrow(Node* p) {
  if (p) ++p->refs;
  return steal(p);
}
inline NodeRef::NodeRef(const NodeRef& o) : p_(o.p_) {
  if (p_) ++p_->refs;
}
inline NodeRef::~NodeRef() {
  if (p_ && --p_->refs == 0) node_free(p_);
}

}  // namespace mp
