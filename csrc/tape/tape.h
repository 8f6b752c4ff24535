// The tape: which arrays have a gradient history, and how operators extend it.
// An operator that computes `outs` from `ins` does:
//     NodeRef node = tape::begin(op, ins, attrs);        // null when nothing has to be recorded
//     if (tape::before_write(out) < 0) ...               // only when out already existed (out=,
//     in-place)
//     ... compute ...
//     if (tape::finish(node, outs) < 0) ...              // fresh outputs
//     if (tape::finish_write(node, out) < 0) ...         // existing output (also with a null
//     node!)
// `begin` must come before the write, since it saves the inputs' present values.
// Rules R-V, R-S, R-G, R-T of docs/internals.md live behind these functions. Null entries in `ins`
// are constants (Python scalars that no rule needs). Views need none of this: a view of a taped
// array has its history from its root (tape_root), by its layout alone.
#pragma once
#include <new>
#include <span>

#include "core/array.h"
#include "core/error.h"
#include "core/pyref.h"
#include "graph/node.h"
#include "ops/op.h"

namespace mp {

// What an array knows of its history. For a root, `edge` says which node produced the present
// value; for a view it is the cached View node of `source`, valid while the root's edge still
// equals `source`.
struct TapeInfo {
  Edge edge;
  Edge source;
};
static_assert(sizeof(TapeInfo) == sizeof(Array::tape_room));

namespace tape {

struct State {
  bool recording = false;
  bool training = false;
};
extern constinit thread_local State state __attribute__((tls_model("initial-exec")));

// Sets the recording flag for a scope.
class RecordingScope {
 public:
  explicit RecordingScope(bool on) : before_(std::exchange(state.recording, on)) {}
  ~RecordingScope() { state.recording = before_; }
  RecordingScope(const RecordingScope&) = delete;

 private:
  bool before_;
};

// Whether the array, or the array that it is a view of, has a history.
inline bool taped(Array* a) { return a->tape || tape_root(a)->tape; }
inline bool should_record(Array* a) { return state.recording && taped(a); }
inline bool should_record(Array* a, Array* b) { return state.recording && (taped(a) || taped(b)); }

NodeRef begin_slow(const OpDef& op, std::span<Array* const> ins, Attrs&& attrs);
inline NodeRef begin(const OpDef& op, std::span<Array* const> ins, Attrs attrs = {}) {
  if (!state.recording || op.zero_grad) return {};
  for (Array* a : ins)
    if (a && taped(a)) return begin_slow(op, ins, std::move(attrs));
  return {};
}

int before_write_slow(Array* target);
inline int before_write(Array* target) {
  if (target->storage->saved || (state.recording && taped(target)))
    return before_write_slow(target);
  ++target->storage->version;
  return 0;
}

int finish_slow(const NodeRef& node, std::span<Array* const> outs);
inline int finish(const NodeRef& node, std::span<Array* const> outs) {
  return node ? finish_slow(node, outs) : 0;
}
int finish_write_slow(const NodeRef& node, Array* target);
inline int finish_write(const NodeRef& node, Array* target) {
  return (node || (state.recording && taped(target))) ? finish_write_slow(node, target) : 0;
}

inline void release(TapeInfo* info) { info->~TapeInfo(); }  // when an array dies or forgets it

// To be called around the in-place setters of shape, strides and dtype, which keep the bytes.
int before_relayout(Array* a);
void finish_relayout(Array* a, const Array* before);  // `before`: array_alias(a) taken first

// --- For the gradient machinery itself. ---

Edge edge_of_view(Array* view, Array* root);
// The node that stands for the array's present value; null for a constant.
inline Edge edge_of(Array* a) {
  Array* root = tape_root(a);
  if (root != a) return root->tape ? edge_of_view(a, root) : Edge{};
  return a->tape ? a->tape->edge : Edge{};
}
inline TapeInfo* make_info(Array* a) {
  return a->tape = new (static_cast<void*>(a->tape_room)) TapeInfo();
}
// Makes `edge` the history of an array that is its own root (a view stops being one for the tape).
void set_edge(Array* a, Edge edge);

// A leaf holds the gradient that backward() fills; req as MXNet numbers it.
enum GradReq : int { kReqNull = 0, kReqWrite = 1, kReqAdd = 3 };
struct LeafExtra final : NodeExtra {
  ArrayRef grad;
  int req = kReqWrite;
  bool fresh = false;  // filled by a backward pass since the flag was cleared
  PyRef sparse;        // instead of grad: a sparse array (Note [Gradients by rows])
};
extern const OpDef op_leaf;
LeafExtra* leaf_of(Array* a);  // null unless attach_grad made `a` a leaf
int attach_grad(Array* a, ArrayRef grad, int req);
ArrayRef detach(Array* a);
// A detached view of `a` that is a variable of its own: derivatives with respect to it go no
// further.
ArrayRef make_variable(Array* a);

}  // namespace tape
}  // namespace mp
