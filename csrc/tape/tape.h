// The tape: which arrays have a gradient history, and how operators extend it.
// An operator that computes `outs` from `ins` does:
//     NodeRef node = tape::begin(op, ins, attrs);        // null when nothing has to be recorded
//     if (tape::before_write(out) < 0) ...               // only when out already existed (out=, in-place)
//     ... compute ...
//     if (tape::finish(node, outs) < 0) ...              // fresh outputs
//     if (tape::finish_write(node, out) < 0) ...         // existing output (also with a null node!)
// `begin` must come before the write, since it saves the inputs' present values.
// Rules R-V, R-S, R-G, R-T of docs/internals.md live behind these five functions. Null entries in `ins` are
// constants (Python scalars that no rule needs).
#pragma once
#include <span>

#include "core/array.h"
#include "core/error.h"
#include "graph/node.h"
#include "ops/op.h"

namespace mp::tape {

struct State {
  bool recording = false;
  bool training = false;
};
extern thread_local State state __attribute__((tls_model("initial-exec")));

// Whether the array, or the array that it is a view of, has a history.
inline bool taped(Array* a) { return a->tape || tape_root(a)->tape; }
inline bool should_record(Array* a) { return state.recording && taped(a); }
inline bool should_record(Array* a, Array* b) { return state.recording && (taped(a) || taped(b)); }

NodeRef begin_slow(const OpDef& op, std::span<Array* const> ins, Attrs&& attrs);
inline NodeRef begin(const OpDef& op, std::span<Array* const> ins, Attrs attrs = {}) {
  if (!state.recording || op.zero_grad) return {};
  for (Array* a : ins) if (a && taped(a)) return begin_slow(op, ins, std::move(attrs));
  return {};
}

int before_write_slow(Array* target);
inline int before_write(Array* target) {
  if (target->storage->saved || (state.recording && taped(target))) return before_write_slow(target);
  ++target->storage->version;
  return 0;
}

int finish_slow(const NodeRef& node, std::span<Array* const> outs);
inline int finish(const NodeRef& node, std::span<Array* const> outs) { return node ? finish_slow(node, outs) : 0; }
int finish_write_slow(const NodeRef& node, Array* target);
inline int finish_write(const NodeRef& node, Array* target) {
  return (node || (state.recording && taped(target))) ? finish_write_slow(node, target) : 0;
}

void release(TapeInfo*);  // called when an array dies

}  // namespace mp::tape
